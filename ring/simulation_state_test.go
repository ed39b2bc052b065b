package ring

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// simState is what the kernel knows of a socket beside its bytes.
type simState struct {
	unix     bool          // a UNIX socket; else TCP
	eof      bool          // the peer has shut down its writes
	reset    bool          // the peer has reset, or closed a UNIX socket with bytes unread
	gone     bool          // the peer has closed a UNIX socket
	pending  syscall.Errno // the socket's error, until somebody has taken it
	shutdown bool          // we have shut down our writes
	deafened bool          // ... and our reads
	met      bool          // it is connected to itself
	served   bool          // a worker has taken it
	freed    bool          // it is closed, and the kernel has released it
}

// breakOff has a peer reset.
func (p *simSocket) breakOff() {
	p.reset, p.pending = true, unix.ECONNRESET
	if p.eof && !p.unix {
		p.pending = unix.EPIPE
	}
}

// over tells what a receive that finds no bytes says: of an error or of the end; or that it
// waits.
func (s *simulation) over(p *simSocket, who string) (syscall.Errno, bool) {
	switch {
	case p.eof && !p.unix: // a FIN comes before an error (tcp_recvmsg_locked)
		return 0, true
	case p.pending != 0:
		return s.take1(p, who), true
	case p.reset && !p.eof:
		s.lie("an end instead of a reset")
	}
	return 0, p.eof || p.reset || p.gone || p.deafened
}

// take1 tells somebody of a socket's error, and nobody else any more.
func (s *simulation) take1(p *simSocket, who string) syscall.Errno {
	errno := p.pending
	p.pending = 0
	if errno != 0 {
		s.lie("an error taken by a " + who)
	}
	return errno
}

// sendError is what a send to a peer says that is not there any more.
func (s *simulation) sendError(p *simSocket, who string) syscall.Errno {
	if p.unix { // it does not look at the error
		s.lie("a send to a UNIX peer that has closed")
		return unix.EPIPE
	}
	if errno := s.take1(p, who); errno != 0 {
		return errno
	}
	return unix.EPIPE
}

// events are those of poll(2).
func (p *simSocket) events() (events int16) {
	over := p.eof || p.reset || p.gone || p.deafened
	if over {
		events |= unix.POLLIN | unix.POLLRDHUP
	}
	if len(p.incoming) > 0 {
		events |= unix.POLLIN
	}
	if p.pending != 0 {
		events |= unix.POLLERR
	}
	if p.reset || p.gone || over && p.shutdown {
		events |= unix.POLLHUP
	}
	if p.stuck == 0 || p.reset || p.gone || p.shutdown {
		events |= unix.POLLOUT
	}
	return events
}

// Events implements sockets.
func (s *simulation) Events(fd int, asked int16) int16 {
	p := s.sockets[fd]
	if p.closed {
		s.t.Fatalf("polled %d after its close", fd)
	}
	return p.events() & (asked | unix.POLLERR | unix.POLLHUP)
}

// AllEvents implements sockets.
func (s *simulation) AllEvents(polled []unix.PollFd) []unix.PollFd {
	for i := range polled {
		polled[i].Revents = s.Events(int(polled[i].Fd), polled[i].Events)
	}
	return polled
}

// Closed implements sockets.
func (s *simulation) Closed(fd int) bool {
	p := s.sockets[fd]
	switch {
	case p.closed:
		s.t.Fatalf("looked at %d after its close", fd)
	case p.met:
		return false
	case p.pair == nil:
		return true
	}
	return !p.unix && (p.reset || p.eof && p.shutdown)
}

// Unsent implements sockets: whoever takes nothing has some to take.
func (s *simulation) Unsent(fd int) int {
	if p := s.sockets[fd]; p.stuck > 0 {
		return min(len(p.got), 1000)
	}
	return 0
}

// Unanswered implements sockets.
func (s *simulation) Unanswered(int) (bool, uint32) { return false, 0 }

// MetItself implements sockets.
func (s *simulation) MetItself(fd int, _ netip.AddrPort) bool { return s.sockets[fd].met }

// ShutdownRead implements sockets. The peer can write no more.
func (s *simulation) ShutdownRead(fd int) {
	p := s.sockets[fd]
	if p.closed || !p.unix {
		s.t.Fatalf("%d, which is closed or on TCP, is shut down for reading", fd)
	}
	p.deafened, p.toCome = true, nil
}

// Peek implements sockets.
func (s *simulation) Peek(fd int, block []byte) (int, syscall.Errno) {
	p := s.sockets[fd]
	switch {
	case p.closed:
		s.t.Fatalf("peeked at %d after its close", fd)
	case s.rng.IntN(20) == 0:
		return 0, []syscall.Errno{unix.EINTR, unix.EAGAIN}[s.rng.IntN(2)]
	case len(p.incoming) > 0:
		n := copy(block, p.incoming[:1+s.rng.IntN(len(p.incoming))])
		p.peeked = max(p.peeked, n)
		return n, 0
	}
	if errno, over := s.over(p, "peek"); over {
		return 0, errno
	}
	return 0, unix.EAGAIN
}

// poll is a poll in the ring, which tells of POLLERR, POLLHUP and POLLRDHUP unasked.
func (s *simulation) poll(op *simOp) {
	p := s.sockets[int(op.Fd)]
	asked := int16(op.OpcodeFlags) | unix.POLLERR | unix.POLLHUP | unix.POLLRDHUP
	switch events := p.events() & asked; {
	case userData(op.UserData).operation() == opConnect:
		s.answer(op)
	case s.waitFails(op):
		s.finish(op, -int32(unix.ENOMEM), 0)
	case op.Len&1 != 0: // IORING_POLL_ADD_MULTI
		s.tell(op, events)
	case events != 0:
		if events == unix.POLLRDHUP {
			s.lie("a poll that completes for nothing but POLLRDHUP")
		}
		s.finish(op, int32(events), 0)
	}
}
