package ring

import (
	"syscall"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/wheel"
)

// What a kernel says that is not so, or not what one would think: docs/kernel-claims.md. Each
// of these must have happened in a run of TestModel.
var allLies = []string{
	"an error taken by a recv",
	"an error taken by a send",
	"an error taken by a splice from",
	"an error taken by a splice to",
	"an error taken by a splice that moved some",
	"an error taken by a peek",
	"an end instead of a reset",
	"a multishot recv that never tells of a reset",
	"a recv that has taken a buffer and waits",
	"a splice that found the end at the urgent mark",
	"a poll that completes for nothing but POLLRDHUP",
	"a multishot poll that tells again",
	"a multishot poll that ends by itself",
	"a client that is gone when it is accepted",
	"a UNIX peer that has closed",
	"a send to a UNIX peer that has closed",
	"a send that comes short",
	"a jump of the clock over what is there",
	"a connection that stood idle",
	"a full backlog",
	"a socket that met itself",
	"a connect at the limit",
	"a connection given up at the limit",
}

// lie counts one.
func (s *simulation) lie(which string) { s.lies[which]++ }

// send takes what there is room for, and tells of an error, perhaps later than it takes it.
func (s *simulation) send(op *simOp) {
	p := s.sockets[int(op.Fd)]
	switch {
	case op.told != 0:
		s.finish(op, -int32(op.told), 0)
	case p.shutdown:
		s.t.Fatalf("send on %d after its shutdown", p.fd)
	case p.reset, p.gone:
		if op.told = s.sendError(p, "send"); s.rng.IntN(2) == 0 {
			s.finish(op, -int32(op.told), 0)
		}
	case p.stuck > 0:
	default:
		n := op.Len
		if s.rng.IntN(2) == 0 {
			n = 1 + uint32(s.rng.IntN(int(op.Len)))
		}
		if n < op.Len {
			s.lie("a send that comes short")
		}
		p.got = append(p.got, unsafe.Slice((*byte)(pointer(op.Addr)), op.Len)[:n]...)
		s.finish(op, int32(n), 0)
	}
}

// deafen has a peer reset right behind its last bytes, which a multishot recv may never
// tell.
func (s *simulation) deafen(op *simOp, p *simSocket) {
	if len(p.incoming) > 0 || p.ends != endsReset || p.eof || p.reset || s.rng.IntN(10) > 0 {
		return
	}
	p.breakOff()
	op.deaf = true
	s.lie("a multishot recv that never tells of a reset")
}

// tell is a step of a multishot poll: it tells of each change.
func (s *simulation) tell(op *simOp, events int16) {
	if events == op.last && s.rng.IntN(100) > 0 || events == 0 {
		op.last = events
		return
	}
	if op.last != 0 {
		s.lie("a multishot poll that tells again")
	}
	op.last = events
	if s.rng.IntN(20) == 0 { // the queue was full
		s.lie("a multishot poll that ends by itself")
		s.finish(op, int32(events), 0)
		return
	}
	s.post(op, int32(events), giouring.CQEFMore)
}

// jump sets the clock forward, as if the program had been stopped.
func (s *simulation) jump() {
	if s.rng.IntN(3000) > 0 {
		return
	}
	s.jumped += wheel.Tick(s.rng.IntN(5000))
	if s.queues.Ready() > 0 {
		s.lie("a jump of the clock over what is there")
	}
}

// comeLate has a client come at the limit when some have been silent for long.
func (s *simulation) comeLate() {
	if gate := s.worker.Gate; gate.Current() >= gate.Limit() && s.rng.IntN(2) == 0 {
		s.jumped += wheel.Tick(3000)
	}
}

// checkIdleTimeouts looks for connections that were reset for idleness while bytes, or an
// end, had come for a half that was receiving.
func (s *simulation) checkIdleTimeouts() {
	if s.worker == nil || s.worker.Counts.TimedOut.Load() == s.timedOut {
		return
	}
	s.timedOut = s.worker.Counts.TimedOut.Load()
	for _, c := range s.worker.transfers {
		if c.State != connection.Forwarding || c.Outcome != report.IdleTimeout {
			continue
		}
		for _, h := range []*half{&c.toTarget, &c.toClient} {
			if p := s.sockets[h.Source.FD]; h.Reading.InFlight() && !p.deafened && p.events()&unix.POLLIN != 0 && !s.seenIdle[p] {
				s.t.Fatalf("reset for idleness, though descriptor %d has %d bytes to receive", p.fd, len(p.incoming))
			}
			s.seenIdle[s.sockets[h.Source.FD]] = true
		}
	}
}

// Connect implements sockets.
func (s *simulation) Connect(fd int, _ []byte) syscall.Errno {
	p := s.sockets[fd]
	if p.closed || p.blocking || p.pair != nil {
		s.t.Fatalf("connect of %d, which is closed, connected, or would wait", fd)
	}
	s.checkLimit()
	switch s.rng.IntN(8) {
	case 0, 1, 2, 3:
		s.lie("a full backlog")
		return unix.EAGAIN
	case 4:
		return unix.ECONNREFUSED
	}
	for _, c := range s.worker.transfers {
		if c.Target.FD == fd && (c.State == connection.Connecting || c.State == connection.WaitingForBacklog) {
			s.join(c, p)
			return 0
		}
	}
	s.t.Fatalf("connect of %d, which no connection has", fd)
	return 0
}

// checkLimit is called when a target is connected to: there is room for it.
func (s *simulation) checkLimit() {
	open := 0
	for _, pair := range s.connected {
		if pair.target != nil && !pair.target.freed {
			open++
		}
	}
	switch limit := s.worker.Policy.Limits.Connections; {
	case open >= limit:
		s.t.Fatalf("one more target is connected to when %d are, at a limit of %d", open, limit)
	case open == limit-1:
		s.lie("a connect at the limit")
	}
}

// freeClosed releases what the batch has closed, which the kernel does at its end.
func (s *simulation) freeClosed() {
	for _, p := range s.unfreed {
		p.freed = true
	}
	s.unfreed = s.unfreed[:0]
}

// countRefused notes that the worker itself has closed a client at the limit.
func (s *simulation) countRefused(p *simSocket) {
	if p.pair != nil && p.pair.client == p && !p.served && !p.reset {
		s.refused++
	}
}

// turnedAway is how many clients the crew has closed, or the worker is about to.
func (s *simulation) turnedAway() int {
	return int(s.worker.Counts.Refused.Load()) - int(s.refused)
}

// unserved is how many clients are open that no worker has taken.
func (s *simulation) unserved() (n int) {
	for _, pair := range s.connected {
		if !pair.client.served && !pair.client.closed {
			n++
		}
	}
	return n
}

// checkClosed looks for descriptors that were not closed. The crew closes real ones: those
// of clients that have waited at the door, and were not served.
func (s *simulation) checkClosed() {
	for _, p := range s.sockets {
		switch {
		case p.met && !p.linger:
			s.t.Errorf("descriptor %d met itself, and keeps its port", p.fd)
		case !p.closed && (p.served || p.pair == nil || p.pair.client != p):
			s.t.Errorf("descriptor %d was never closed", p.fd)
		}
	}
	if n := s.unserved(); n > s.turnedAway() && !s.stopped {
		s.t.Errorf("%d clients were not served, %d turned away", n, s.turnedAway())
	}
}
