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
	if from >= firstFD {
		return s.spliceFrom(s.sockets[from], to, 1+s.rng.IntN(n))
	}
	return s.spliceTo(s.sockets[to], from, n)
}

func (s *simulation) spliceFrom(p *simSocket, pipe, n int) (int, syscall.Errno) {
	if len(p.incoming) > 0 && !p.unix && s.rng.IntN(40) == 0 {
		p.atMark = true
	}
	switch {
	case p.noSplice:
		return 0, unix.EINVAL
	case p.atMark && p.eof:
		s.lie("a splice that found the end at the urgent mark")
		return 0, 0
	case p.atMark:
		return 0, unix.EAGAIN
	case len(p.incoming) > 0:
		n, err := unix.Write(pipe, p.incoming[:min(n, len(p.incoming))])
		if err != nil {
			return 0, err.(syscall.Errno)
		}
		p.incoming = p.incoming[n:]
		return n, 0
	}
	if errno, over := s.over(p, "splice from"); over {
		return 0, errno
	}
	return 0, unix.EAGAIN
}

func (s *simulation) spliceTo(p *simSocket, pipe, all int) (int, syscall.Errno) {
	n := 1 + s.rng.IntN(all)
	if p.ends == endsReset && !p.reset && !p.gone && s.rng.IntN(20) == 0 {
		p.breakOff()
	}
	switch {
	case p.shutdown:
		s.t.Fatalf("splice to %d after its shutdown", p.fd)
	case p.pending != 0 && !p.unix && n < all && s.rng.IntN(2) == 0: // it broke while this moved some
		s.take1(p, "splice that moved some")
	case p.reset, p.gone:
		return 0, s.sendError(p, "splice to")
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
