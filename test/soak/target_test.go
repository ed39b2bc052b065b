package soak

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// target plays the far end of each connection as the call that it belongs to wants.
type target struct {
	stage  *stage
	name   string // as the proxy is told
	tcp    bool
	places []*place // where it listens
	open   sync.WaitGroup
}

// place is an address at which the target listens, or does not for a while.
type place struct {
	network, text string
	listener      net.Listener // nil while nobody listens
	gate          sync.Mutex   // held by who keeps it from what it does with connections
}

// newTarget makes a target that is found by name, or one on a UNIX socket.
func newTarget(s *stage) *target {
	g := &target{stage: s, tcp: s.random.IntN(3) > 0}
	if g.tcp {
		port := reserve(s)
		g.name = fmt.Sprintf("localhost:%d", port)
		g.places = []*place{{network: "tcp4", text: fmt.Sprintf("127.0.0.1:%d", port)}}
		if resolvesToIPv6("localhost") {
			g.places = append(g.places, &place{network: "tcp6", text: fmt.Sprintf("[::1]:%d", port)})
		}
	} else {
		g.name = filepath.Join(harness.ShortDir(s.t), "target")
		g.places = []*place{{network: "unix", text: g.name}}
	}
	for _, p := range g.places {
		if err := g.listen(p); err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Cleanup(func() {
		for _, p := range g.places {
			p.close()
		}
		g.open.Wait()
	})
	return g
}

// reserve keeps a TCP port from everybody else, so that nobody listens there while
// the target does not: with a socket on it that never listens itself.
func reserve(s *stage) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		s.t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		s.t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		s.t.Fatal(err)
	}
	return name.(*unix.SockaddrInet4).Port
}

func resolvesToIPv6(host string) bool {
	addresses, _ := net.LookupHost(host)
	for _, a := range addresses {
		if strings.Contains(a, ":") {
			return true
		}
	}
	return false
}

// listen opens a place.
func (g *target) listen(p *place) error {
	if p.network == "unix" {
		os.Remove(p.text)
	}
	l, err := net.Listen(p.network, p.text)
	if err != nil {
		return fmt.Errorf("the target cannot listen: %w", err)
	}
	p.listener = l
	g.open.Go(func() {
		for {
			conn, err := p.accept(l)
			if err != nil {
				return
			}
			g.open.Go(func() { g.serve(conn) })
		}
	})
	return nil
}

// accept waits for the next connection, and while the target is stalled.
func (p *place) accept(l net.Listener) (net.Conn, error) {
	conn, err := l.Accept()
	p.gate.Lock()
	defer p.gate.Unlock()
	return conn, err
}

func (p *place) close() {
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
}

// serve finds out which call a connection belongs to, and plays its target.
func (g *target) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(harness.Patience + longestRound)) // some send slowly
	var number uint64
	if err := binary.Read(conn, binary.LittleEndian, &number); err != nil {
		return // the client left, or the proxy: the client's end knows which
	}
	c := g.stage.calls.find(number)
	if c == nil {
		if !g.stage.calls.issued(number) {
			g.stage.fail("the target received call number %#x, which nobody sent", number)
		}
		return // the client left long ago
	}
	if !c.reach() {
		g.stage.fail("%v: it reached the target twice", c)
		return
	}
	defer close(c.over)
	e := c.newEnd(conn, false)
	if !c.unanswered {
		if err := e.greet(); isBroken(err) {
			return // the client left early, or was cut off: its own end knows
		} else if err != nil {
			c.targetError = err
			return
		}
	}
	c.targetError = c.target(e)
}
