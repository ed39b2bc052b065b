package faults

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var stallCases = []Case{
	{
		Name:  "stall/1",
		Shows: "a client that does not read while its target floods it costs others nothing; memory stays under the documented ceiling and comes back",
		Run: func(t *testing.T, p *harness.Program) {
			stalls(t, p, stall{peers: 1, resume: 1, buffer: 1 << 20, pool: 8 << 20})
		},
	},
	{
		Name:  "stall/100",
		Shows: "the same with 100 such clients and a pool that is too small for them, of which some read on and get every byte",
		Run: func(t *testing.T, p *harness.Program) {
			stalls(t, p, stall{peers: 100, resume: 10, buffer: 256 << 10, pool: 1 << 20})
		},
	},
	{
		Name:  "stall/100-copied",
		Shows: "the same where the rings copy instead of splicing, so that all that is held is the program's own memory",
		Run: func(t *testing.T, p *harness.Program) {
			if p.Name == harness.Epoll.Name {
				t.Skip("it has no option for that: see stall/100")
			}
			stalls(t, p, stall{peers: 100, resume: 10, buffer: 256 << 10, pool: 1 << 20, copies: true})
		},
	},
	{
		Name: "stall/1000",
		// On UNIX sockets: on TCP the kernel's own buffers of so many come to
		// net.ipv4.tcp_mem, from where on it drops packets, of all connections.
		Shows: "the same with 1,000 such clients",
		Alone: true,
		Run: func(t *testing.T, p *harness.Program) {
			stalls(t, p, stall{peers: scaled(1000), resume: 20, buffer: 64 << 10, pool: 1 << 20, by: harness.Unix})
		},
	},
	{
		Name:  "stall/targets",
		Shows: "100 targets that do not read while their clients flood them cost others nothing",
		Run: func(t *testing.T, p *harness.Program) {
			stalls(t, p, stall{peers: 100, resume: 10, buffer: 256 << 10, pool: 1 << 20, up: true})
		},
	},
}

// stall is how many peers do not read what, and what the program may hold of it.
type stall struct {
	peers, resume int // clients, and how many of them read on
	buffer, pool  int
	copies        bool              // the rings must not splice
	up            bool              // it is targets that do not read
	by            harness.Transport // TCP if empty
}

func (s stall) args(p *harness.Program) []string {
	args := []string{fmt.Sprintf("-c%d", s.peers+10), fmt.Sprintf("--buffer-size=%d", s.buffer), fmt.Sprintf("--pool-size=%d", s.pool)}
	if s.copies && p.Name != harness.Epoll.Name {
		args = append(args, "--ring-features=-splice")
	}
	return args
}

// ceiling is the formula of docs/memory.md, and what comes on top: a few MiB of the
// Go runtime's own, and a few KiB for each connection.
func (s stall) ceiling(p *harness.Program) int64 {
	const block, runtime, connection = 64 << 10, 3 << 20, 8 << 10
	connections := s.peers + 10
	top := int64(runtime + connections*connection)
	if p.Name == harness.Epoll.Name {
		return top + int64((2*connections+65)*min(s.buffer, block))
	}
	return top + int64(s.pool+block+2*connections*(s.buffer+2*block))
}

// readOn is how much is read by those that read on, bytes: more than the program held
// for each.
const readOn = 3 << 20

// stalls floods peers that do not read until all are stuck, looks at the program's
// memory and at the bystanders, lets some read on, and has the others leave.
func stalls(t *testing.T, p *harness.Program, how stall) {
	s := set(t, p.Plain(), setting{from: how.by, to: how.by, limits: peerBuffers, options: harness.Options{Args: how.args(p)}})
	var readers, senders []*end
	for range how.peers {
		reader, sender := s.joinEnds(peerBuffers)
		if how.up {
			reader, sender = sender, reader
		}
		readers, senders = append(readers, reader), append(senders, sender)
	}
	before := s.ResidentBytes()
	var taken atomic.Int64
	for _, sender := range senders {
		go func() {
			// It ends when its reader leaves, which is no failure.
			_ = sender.out.SendTo(sender.Conn.Conn, endless, func(n int) { taken.Add(int64(n)) })
		}()
		injected(1)
	}
	harness.Settled(t, "the floods", taken.Load, 2*stuckAfter)
	s.progress("while all are stuck")
	s.staysBelow(before, how.ceiling(p), "while all are stuck")
	var reading sync.WaitGroup
	for _, reader := range readers[:how.resume] {
		reading.Go(func() {
			if err := reader.in.CheckPart(reader.Conn.Conn, readOn); err != nil {
				t.Errorf("one that reads on: %v", err)
			}
		})
	}
	reading.Wait()
	s.progress("when some read on")
	for i, reader := range readers {
		if i%2 == 0 && s.Address.Transport.IsTCP() {
			reader.Reset()
		} else {
			reader.Close()
		}
	}
	s.progress("when all have left")
	s.end()
	// The pool may stay, and what the runtime has not given back yet.
	s.staysBelow(before, int64(how.pool)+how.ceiling(p)/10+4<<20, "when all have left")
}

// staysBelow checks how much the program has grown.
func (s *stage) staysBelow(before, ceiling int64, when string) {
	s.t.Helper()
	grown := s.ResidentBytes() - before
	s.t.Logf("%.1f MiB more resident than before %s; ceiling %.1f MiB", mib(grown), when, mib(ceiling))
	if grown > ceiling {
		s.t.Errorf("%.1f MiB more resident than before %s, want at most %.1f", mib(grown), when, mib(ceiling))
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
