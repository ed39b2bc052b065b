package ring

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func (s *simulation) SetNonblocking(fd int) { s.sockets[fd].blocking = false }

// Splice moves bytes between a simulated socket and a real pipe.
func (s *simulation) Splice(from, to, n int) (int, syscall.Errno) {
	if s.rng.IntN(20) == 0 {
		return 0, []syscall.Errno{unix.EINTR, unix.EAGAIN}[s.rng.IntN(2)]
	}
	for _, fd := range []int{from, to} {
		if fd >= firstFD && s.sockets[fd].blocking {
			s.t.Fatalf("a splice of descriptor %d may wait", fd)
		}
	}
	n = 1 + s.rng.IntN(n)
	if from >= firstFD {
		return s.spliceFrom(s.sockets[from], to, n)
	}
	return s.spliceTo(s.sockets[to], from, n)
}

func (s *simulation) spliceFrom(p *simSocket, pipe, n int) (int, syscall.Errno) {
	if len(p.incoming) > 0 && s.rng.IntN(40) == 0 {
		p.atMark = true
	}
	switch {
	case p.noSplice:
		return 0, unix.EINVAL
	case p.atMark:
		return 0, unix.EAGAIN
	case len(p.incoming) > 0:
		n, err := unix.Write(pipe, p.incoming[:min(n, len(p.incoming))])
		if err != nil {
			return 0, err.(syscall.Errno)
		}
		p.incoming = p.incoming[n:]
		return n, 0
	case p.reset:
		return 0, unix.ECONNRESET
	case p.eof:
		return 0, 0
	}
	return 0, unix.EAGAIN
}

func (s *simulation) spliceTo(p *simSocket, pipe, n int) (int, syscall.Errno) {
	switch {
	case p.shutdown:
		s.t.Fatalf("splice to %d after its shutdown", p.fd)
	case p.reset:
		return 0, unix.EPIPE
	case p.stuck > 0:
		return 0, unix.EAGAIN
	}
	bytes := make([]byte, n)
	n, err := unix.Read(pipe, bytes)
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	p.got = append(p.got, bytes[:n]...)
	return n, 0
}

// poll waits for a source or a destination.
func (s *simulation) poll(op *simOp) {
	p := s.sockets[int(op.Fd)]
	switch {
	case userData(op.UserData).operation() == opConnect:
		s.answer(op)
	case s.waitFails(op):
		s.finish(op, -int32(unix.ENOMEM), 0)
	case p.reset:
		s.finish(op, unix.POLLERR|unix.POLLHUP, 0)
	case op.OpcodeFlags&unix.POLLIN != 0 && (len(p.incoming) > 0 || p.eof):
		s.finish(op, unix.POLLIN, 0)
	case op.OpcodeFlags&unix.POLLOUT != 0 && p.stuck == 0:
		s.finish(op, unix.POLLOUT, 0)
	}
}
