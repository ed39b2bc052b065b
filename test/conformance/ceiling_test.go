package conformance

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var ceilingCases = []Case{
	{
		Name:   "memory/ceiling",
		Shows:  "64 connections that send in both directions and read nothing hold no more than docs/memory.md says, with small and usual sizes",
		Except: notOriginal("no such promise"),
		Alone:  !mayBound(),
		Run: func(t *testing.T, p *harness.Program) {
			for _, s := range []sizing{
				{workers: 1, buffer: 4 << 10, pool: 1 << 20},
				{workers: 1, buffer: 16 << 10, pool: 8 << 20},
				{workers: 2, buffer: 256 << 10, pool: 2 << 20},
				{workers: 1, buffer: 1 << 20, pool: 8 << 20},
			} {
				t.Run(strings.Join(s.args(), " "), func(t *testing.T) { staysUnder(t, p, s) })
				if p.Name != harness.Epoll.Name {
					s.copies = true
					t.Run(strings.Join(s.args(), " "), func(t *testing.T) { staysUnder(t, p, s) })
				}
			}
		},
	},
}

// sizing is what the ceiling depends on, beside the connections.
type sizing struct {
	workers, buffer, pool int
	copies                bool // halves hold what they hold in the program's memory, not in pipes
}

func (s sizing) args() []string {
	args := []string{fmt.Sprintf("--workers=%d", s.workers), fmt.Sprintf("--buffer-size=%d", s.buffer), fmt.Sprintf("--pool-size=%d", s.pool)}
	if s.copies {
		args = append(args, "--ring-features=-splice")
	}
	return args
}

// ceiling is the formula of docs/memory.md: what a program may map for the data of
// so many connections.
func (s sizing) ceiling(p *harness.Program, connections int) int64 {
	block := min(s.buffer, 64<<10)
	halves := 2 * connections
	if p.Name == harness.Epoll.Name {
		return int64(halves+65*s.workers) * int64(block)
	}
	return int64(s.workers*(s.pool+block) + halves*(s.buffer+2*block))
}

// overhead is what a program may grow by beside the data: the Go runtime's own, and
// the structures of connections that begin to queue.
const overhead = 3 << 20

// staysUnder has both ends of many connections send until nothing goes any more, and looks
// at the program's memory before and then.
func staysUnder(t *testing.T, p *harness.Program, s sizing) {
	bounded(t, func() { fillsUp(t, p.Plain(), s) })
}

func fillsUp(t *testing.T, p *harness.Program, s sizing) {
	const connections = 64
	script, accepted := harness.Hand()
	target := harness.ServeOn(t, harness.Listen(t, harness.TCP4, harness.SocketOptions{ReceiveBuffer: 8192, SendBuffer: 64 << 10}), script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), append(s.args(), fmt.Sprintf("-c%d", connections))...)
	var ends []*harness.Conn
	for range connections {
		client := harness.DialWith(t, proxy.Address, harness.SocketOptions{ReceiveBuffer: 8192, SendBuffer: 64 << 10})
		client.SendText(">")
		far := <-accepted
		far.ExpectText(">")
		ends = append(ends, client, far)
	}
	before := proxy.ResidentBytes()
	var taken, most atomic.Int64
	for _, end := range ends {
		go func() { // ends with the test, which closes the connection
			_ = harness.NewPattern(1, 1).SendTo(end.Conn, 1<<40, func(n int) { taken.Add(int64(n)) })
		}()
	}
	harness.Settled(t, "the senders", func() int64 {
		most.Store(max(most.Load(), proxy.ResidentBytes()))
		return taken.Load()
	}, time.Second)
	grown, ceiling := most.Load()-before, s.ceiling(p, connections)
	t.Logf("%.1f MiB more resident than before, %.1f MiB taken in all; ceiling %.1f MiB",
		float64(grown)/(1<<20), float64(taken.Load())/(1<<20), float64(ceiling)/(1<<20))
	if grown > ceiling+overhead {
		t.Errorf("%d bytes more than before, ceiling %d", grown, ceiling)
	}
	// Each half that holds what it may is what makes the case mean something:
	// else the kernel's buffers had taken all.
	if least := int64(2 * connections * min(s.buffer, 64<<10)); s.copies && s.buffer > 64<<10 && grown < least {
		t.Errorf("only %d bytes more than before: the halves are not full", grown)
	}
}
