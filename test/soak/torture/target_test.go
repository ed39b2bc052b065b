package torture

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// targetSocket is where targets take connections.
type targetSocket struct {
	*stage
	kind int // in targetKinds
	fd   int
	name string // as the proxy is told
	// abrupt targets have left without having asked whose they are, and their clients
	// have not been heard of.
	abrupt int
}

func (s *stage) newTarget(kind int) *targetSocket {
	var options harness.SocketOptions
	if targetKinds[kind].tiny {
		options.ReceiveBuffer = tinyBuffer
	}
	l := harness.Listen(s.t, targetKinds[kind].transport, options)
	file, err := l.Listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { file.Close() })
	g := &targetSocket{stage: s, kind: kind, fd: int(file.Fd()), name: l.Target()}
	if err := unix.SetNonblock(g.fd, true); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.loop.add(g.fd, g); err != nil {
		s.t.Fatal(err)
	}
	return g
}

// happened implements handler: connections have come. Some leave at once.
func (g *targetSocket) happened(uint32) {
	for {
		fd, _, err := unix.Accept4(g.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		switch err {
		case nil:
		case unix.EINTR, unix.ECONNABORTED:
			continue
		case unix.EAGAIN:
			return
		default:
			g.fatal("accept4: %v", err)
		}
		e := g.newEnd(fd, target, targetKinds[g.kind].transport.IsTCP())
		e.kind = g.kind
		g.strangers[e] = struct{}{}
		if g.random.IntN(100) > 0 {
			continue
		}
		g.abrupt++
		if g.random.IntN(2) == 0 && !without("resets") {
			e.breakOff()
		} else {
			e.leave()
		}
	}
}

// identify looks whose target an end is, without receiving anything yet.
func (e *end) identify() {
	var room [headerSize + identitySize]byte
	before := room[:0]
	if e.setting.headers {
		before = room[:headerSize]
	}
	found := room[:len(before)+identitySize]
	n, _, err := unix.Recvfrom(e.fd, found, unix.MSG_PEEK)
	switch {
	case err == unix.EAGAIN, err == unix.EINTR, err == nil && n > 0 && n < len(found) && !e.ended:
		return
	case err != nil, n < len(found): // its client has not said who it is
		e.dismiss()
		return
	}
	number, ok := identified(found[len(before):])
	if ok && e.setting.headers {
		ok = slices.Equal(before, formatHeader(claimed(e.planOf(number))))
		_, err = unix.Read(e.fd, before)
	}
	if !ok || err != nil || number == 0 || number > e.last {
		e.stage.violated(violationForeign, nil, "one received %x (%v)", found, err)
		e.targets[e.kind].abrupt++
		e.dismiss()
		return
	}
	c := e.open[number]
	switch {
	case c == nil, c.failed: // its client was done for long ago
		e.dismiss()
	case c.ends[target] != nil:
		e.stage.violated(violationForeign, c, "it has reached its target twice")
		e.dismiss()
	default:
		delete(e.strangers, e)
		c.moved = e.clock.now
		e.begin(c)
		if right := routes[c.plan.route].target; right != e.kind {
			e.violated(violationForeign, "it has reached %s instead of %s", e.targets[e.kind].name, e.targets[right].name)
		}
	}
}

// dismiss takes what there is, and leaves.
func (e *end) dismiss() {
	for {
		n, err := unix.Read(e.fd, e.block)
		if n <= 0 && err != unix.EINTR {
			break
		}
	}
	e.leave()
}
