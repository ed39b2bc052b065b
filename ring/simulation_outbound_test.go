package ring

import (
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/socket"
)

// useOutbound makes some runs send with the connect, or give sockets an outfit.
func (s *simulation) useOutbound(w *worker) {
	if s.rng.IntN(2) == 0 {
		w.Policy.Outbound.FastOpen = true
		w.Early = make([]byte, []int{1, 100, connection.EarlyRoom}[s.rng.IntN(3)])
	}
	switch s.rng.IntN(4) {
	case 0:
		w.Policy.Outbound.Transparent = true
	case 1:
		w.Policy.Outbound.Bind4 = netip.AddrFrom4([4]byte{192, 0, 2, 1})
	}
}

// Fit implements sockets: an address may be missing.
func (s *simulation) Fit(fd, _ int, o socket.Outfit) error {
	if s.sockets[fd].closed || s.sockets[fd].pair != nil {
		s.t.Fatalf("outfit for %d, which is closed or connected", fd)
	}
	if o.Source.IsValid() && s.rng.IntN(10) == 0 {
		return os.NewSyscallError("bind", unix.EADDRNOTAVAIL)
	}
	return nil
}

// ConnectWith implements sockets.
func (s *simulation) ConnectWith(fd int, first []byte, _ unix.Sockaddr) (int, syscall.Errno) {
	if len(first) == 0 {
		s.t.Fatal("a connect with nothing")
	}
	s.checkLimit()
	switch s.rng.IntN(8) {
	case 0:
		return 0, unix.EOPNOTSUPP
	case 1:
		return 0, []syscall.Errno{unix.ENETUNREACH, unix.ENOBUFS}[s.rng.IntN(2)]
	case 2:
		return 0, unix.EINPROGRESS
	}
	n := 1 + s.rng.IntN(len(first))
	s.sockets[fd].early = append([]byte(nil), first[:n]...)
	return n, 0
}

// answer ends a connect that has begun outside the ring.
func (s *simulation) answer(op *simOp) {
	p := s.sockets[int(op.Fd)]
	switch s.rng.IntN(8) {
	case 0, 1:
		p.failed = unix.ECONNREFUSED
		s.finish(op, unix.POLLOUT|unix.POLLERR|unix.POLLHUP, 0)
	case 2:
		s.finish(op, -int32(unix.ENOMEM), 0)
	case 3:
		s.finish(op, unix.POLLOUT, 0) // for no reason
	default:
		if s.reach(op, p); p.pair != nil {
			p.got = p.early
		}
		s.finish(op, unix.POLLOUT, 0)
	}
}

// reach ends a connect that succeeds: it has reached a target, or itself.
func (s *simulation) reach(op *simOp, p *simSocket) {
	if s.rng.IntN(30) == 0 {
		s.lie("a socket that met itself")
		p.met = true
		return
	}
	s.join(s.worker.transfers[userData(op.UserData).slot()], p)
}

// join makes a target's socket the pair of a connection's client.
func (s *simulation) join(c *transfer, target *simSocket) {
	target.pair = s.sockets[c.Client.FD].pair
	target.pair.target = target
	if target.ends == endsLast && target.pair.client.ends == endsLast {
		target.ends = endsClean // or each would wait for the other
	}
}

// Connected implements sockets.
func (s *simulation) Connected(fd int) syscall.Errno {
	switch p := s.sockets[fd]; {
	case p.closed:
		s.t.Fatalf("looked at %d, which is closed", fd)
	case p.failed != 0:
		return p.failed
	case p.pair == nil && !p.met:
		return unix.EINPROGRESS
	}
	return 0
}
