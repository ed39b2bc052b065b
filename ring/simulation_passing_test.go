package ring

import (
	"slices"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

// simPassing is what a simulation has of descriptors that are passed on.
type simPassing struct {
	passes    bool // between UNIX sockets, with --pass-fds
	nextMark  int
	open      map[int]bool // passed descriptors in the worker's hands
	closings  []closing    // that another thread is to do
	delivered int
	refusals  int
}

// closing is a call of CloseApart.
type closing struct {
	fds  []int
	done func()
}

// mark is descriptors that are passed with one byte of a stream.
type mark struct {
	at  int
	fds []int
}

// simMarks are a socket's.
type simMarks struct {
	toPass []mark // by offset in what the peer writes
	passed []mark // by offset in what the peer gets
}

// firstPassed is above all other descriptors.
const firstPassed = 1 << 24

// usePassing makes some runs pass descriptors on.
func (s *simulation) usePassing(w *worker) {
	s.open = make(map[int]bool)
	switch s.rng.IntN(9) {
	case 0, 1, 2:
		s.passes = true
		w.Policy.Limits.Passed = socket.MaxPassed
	case 3: // both, without passing any on
	case 4:
		w.Policy.Routes[0].Listener.Family = unix.AF_UNIX
		return
	case 5:
		s.useTargetOnUNIX(w)
		return
	default:
		return
	}
	w.Policy.Routes[0].Listener.Family = unix.AF_UNIX
	s.useTargetOnUNIX(w)
}

func (s *simulation) useTargetOnUNIX(w *worker) {
	to, err := target.Parse("@target")
	if err != nil {
		s.t.Fatal(err)
	}
	w.Policy.Routes[0].Target = to
}

// addMarks makes a peer pass descriptors with some of the bytes that it will write.
func (s *simulation) addMarks(p *simSocket) {
	if !s.passes {
		return
	}
	for at := s.rng.IntN(2000); at < len(p.toCome); at += 1 + s.rng.IntN(8000) {
		m := mark{at: at}
		for range 1 + s.rng.IntN(3) {
			s.nextMark++
			m.fds = append(m.fds, firstPassed+s.nextMark)
		}
		p.toPass = append(p.toPass, m)
	}
}

// shiftMarks makes room for what a peer writes first.
func (p *simSocket) shiftMarks(by int) {
	for i := range p.toPass {
		p.toPass[i].at += by
	}
}

// Prepare implements sockets.
func (s *simulation) Prepare(int) {}

// Receive implements sockets. Now and then it loses descriptors.
func (s *simulation) Receive(fd int, block []byte) (int, []int, error) {
	p := s.sockets[fd]
	read := len(p.written) - len(p.incoming)
	var passed []int
	for _, m := range p.toPass {
		if m.at == read && len(p.incoming) > 0 {
			passed = m.fds
		} else if m.at > read && m.at-read < len(block) {
			block = block[:m.at-read]
			break
		}
	}
	n, errno := s.recv1(p, block)
	switch {
	case errno != 0:
		return 0, nil, errno
	case n == 0:
		return 0, nil, nil
	case len(passed) > 0 && s.rng.IntN(50) == 0:
		passed = passed[:s.rng.IntN(len(passed))]
		s.refuse(p)
		defer s.take(passed)
		return n, passed, socket.ErrLost
	}
	s.take(passed)
	return n, passed, nil
}

func (s *simulation) take(passed []int) {
	for _, fd := range passed {
		if _, ever := s.open[fd]; ever {
			s.t.Fatalf("descriptor %d was passed twice", fd)
		}
		s.open[fd] = true
	}
}

// refuse notes that a connection is to be reset.
func (s *simulation) refuse(p *simSocket) {
	p.pair.refused = true
	s.refusals++
}

// SendWith implements sockets. Now and then too many descriptors are in flight.
func (s *simulation) SendWith(fd int, block []byte, passed []int) (int, error) {
	p := s.sockets[fd]
	for _, fd := range passed {
		if !s.open[fd] {
			s.t.Fatalf("descriptor %d is passed on after its close", fd)
		}
	}
	switch {
	case p.closed:
		s.t.Fatalf("sendmsg on %d after its close", fd)
	case p.shutdown:
		s.t.Fatalf("sendmsg on %d after its shutdown", fd)
	case len(block) == 0:
		s.t.Fatalf("descriptors are passed without a byte")
	case p.reset, p.gone:
		return 0, s.sendError(p, "sendmsg")
	case p.stuck > 0, s.rng.IntN(20) == 0:
		return 0, unix.EAGAIN
	case s.rng.IntN(20) == 0:
		return 0, unix.EINTR
	case len(passed) > 0 && s.rng.IntN(50) == 0:
		s.refuse(p)
		return 0, unix.ETOOMANYREFS
	}
	if len(passed) > 0 {
		p.passed = append(p.passed, mark{len(p.got), slices.Clone(passed)})
		s.delivered++
	}
	n := 1 + s.rng.IntN(len(block))
	p.got = append(p.got, block[:n]...)
	return n, nil
}

// CloseApart implements sockets.
func (s *simulation) CloseApart(fds []int, done func()) {
	for _, fd := range fds {
		if fd < firstPassed {
			s.checkIdle(fd)
		} else if !s.open[fd] {
			s.t.Fatalf("descriptor %d closed twice", fd)
		} else {
			s.open[fd] = false
		}
	}
	s.closings = append(s.closings, closing{fds, done})
}

// checkIdle looks for operations in flight on a descriptor that is closed.
func (s *simulation) checkIdle(fd int) {
	for _, op := range s.inFlight {
		if int(op.Fd) == fd && op.OpCode != giouring.OpTimeout {
			s.t.Fatalf("descriptor %d closed with a %v in flight", fd, userData(op.UserData).operation())
		}
	}
}

// closeSome does what another thread may have to do.
func (s *simulation) closeSome() {
	if len(s.closings) == 0 || s.rng.IntN(4) > 0 {
		return
	}
	i := s.rng.IntN(len(s.closings))
	c := s.closings[i]
	s.closings = slices.Delete(s.closings, i, i+1)
	for _, fd := range c.fds {
		if fd < firstPassed {
			s.Close(fd)
		}
	}
	c.done()
}

// checkPassing looks for a half that holds something and reads on.
func (s *simulation) checkPassing(h *half) {
	if c := h.transfer; c != nil && c.Passing && c.State == connection.Forwarding && h.Reading.InFlight() && (h.Held > 0 || h.Closing || len(h.Passed) > 0) {
		s.t.Fatalf("a half holds %d bytes and %d descriptors (closing others: %v) and reads on", h.Held, len(h.Passed), h.Closing)
	}
}

// checkPassed compares what was passed with what arrived.
func (s *simulation) checkPassed(from, to *simSocket, name string) {
	var want []mark
	header := 0 // what the peer gets before what the other one has written, less what was taken off
	if from.pair.client == from {
		header = len(s.forwarded(from)) - len(from.written)
	}
	for _, m := range from.toPass {
		if m.at+header < len(to.got) {
			want = append(want, mark{m.at + header, m.fds})
		}
	}
	same := func(a, b mark) bool { return a.at == b.at && slices.Equal(a.fds, b.fds) }
	if !slices.EqualFunc(want, to.passed, same) {
		s.t.Errorf("%s: %v was passed, %v arrived", name, want, to.passed)
	}
	if from.pair.refused && !to.linger {
		s.t.Errorf("%s: descriptors were lost, the connection not reset", name)
	}
}

// checkNoneLeft looks for descriptors that were not closed.
func (s *simulation) checkNoneLeft() {
	for fd, open := range s.open {
		if open {
			s.t.Errorf("descriptor %d was passed and never closed", fd)
		}
	}
}
