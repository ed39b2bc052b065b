// Package lossy forwards over paths that lose, delay and reorder packets. Whatever
// happens to packets, the bytes must arrive as they were sent.
package lossy

import (
	"os"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// deadline is when a transfer that begins now has certainly failed.
func deadline() time.Time { return time.Now().Add(3 * harness.Patience) }

// cases are what is wrong with a path. worsen makes it so; check looks afterwards
// whether it really was.
var cases = []struct {
	name   string
	worsen func(*testing.T, *path) (check func())
}{
	{"random-loss", loseAtRandom},
	{"delay-and-reorder", delayAndReorder},
}

// TestLossy carries transfers by each engine, in each case over a path of its own.
func TestLossy(t *testing.T) {
	for _, program := range harness.Ours {
		t.Run(program.Name, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					p := newPath(t)
					check := c.worsen(t, p)
					carry(t, p, program)
					check()
				})
			}
		})
	}
}

// loseAtRandom loses one packet in a hundred on each link, each way.
func loseAtRandom(t *testing.T, p *path) (check func()) {
	var losses []*network.Loss
	for _, n := range p.namespaces() {
		losses = append(losses, n.Lose(t, 100))
	}
	return func() {
		for i, n := range p.namespaces() {
			dropped := losses[i].Dropped(t)
			t.Logf("%d packets were lost on their way to the %s", dropped, n.Name)
			if dropped == 0 {
				t.Errorf("no packet was lost on its way to the %s", n.Name)
			}
			figures.Count("faults", int64(dropped))
		}
	}
}

// delayAndReorder delays packets by 50 ms on each link, each way, but for one in ten,
// which overtakes the others.
func delayAndReorder(t *testing.T, p *path) (check func()) {
	for _, end := range p.ends {
		end.Delay(t, 50*time.Millisecond, 10)
	}
	return func() {
		for _, end := range p.ends {
			delayed := end.Delayed(t)
			t.Logf("%d packets that left %s were delayed", delayed, end.Address)
			if delayed == 0 {
				t.Errorf("no packet that left %s was delayed", end.Address)
			}
		}
		for _, n := range p.namespaces() {
			overtook := n.OutOfOrder(t)
			t.Logf("%d segments arrived at the %s before earlier ones", overtook, n.Name)
			if overtook == 0 {
				t.Errorf("all segments arrived at the %s in order", n.Name)
			}
			figures.Count("faults", int64(overtook))
		}
	}
}
