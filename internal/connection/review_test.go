package connection

import (
	"math/rand/v2"
	"testing"
	"time"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/wheel"
)

// fakeTeller is a kernel that has unsent bytes for the client, and knows of the target
// what Unanswered says. The client answers at once.
type fakeTeller struct {
	unsent int
	owes   bool
	silent uint32
}

const clientFD, targetFD = 1, 2

func (k *fakeTeller) Unsent(fd int) int {
	if fd == clientFD {
		return k.unsent
	}
	return 0
}

func (k *fakeTeller) Unanswered(fd int) (owes bool, silent uint32) {
	if fd == targetFD {
		return k.owes, k.silent
	}
	return false, 1 << 30
}

// reviews has a connection looked at when it asks for it, until something becomes of it.
// between, which may be nil, is called for each tick.
func reviews(t *testing.T, p *forward.Policy, s *Silence, k *fakeTeller, targetTCP bool, until wheel.Tick, between func(now wheel.Tick)) (wheel.Tick, report.Outcome) {
	t.Helper()
	const began = 1000
	for now, next := wheel.Tick(began), wheel.Tick(began)+ticks(s.firstReview(p, began)); now < until; now++ {
		if between != nil {
			between(now)
		}
		if now < next {
			continue
		}
		wait, outcome := s.review(p, now, k, Side{FD: clientFD, TCP: true}, Side{FD: targetFD, TCP: targetTCP})
		if outcome != report.Open {
			return now, outcome
		}
		if wait <= 0 {
			t.Fatalf("the next look is to be in %v", wait)
		}
		next = now + ticks(wait)
	}
	return until, report.Open
}

// TestSilenceIsAtMostAnEighthLate has bytes move, and the kernel deliver some on its own,
// until a moment: the connection has stood idle a time limit after that, and not before.
func TestSilenceIsAtMostAnEighthLate(t *testing.T) {
	for _, limit := range []wheel.Tick{10, 160, 1000, 60000} {
		for range 200 {
			p := &forward.Policy{Timeouts: forward.Timeouts{Idle: limit.Duration()}}
			var s Silence
			k := &fakeTeller{unsent: rand.IntN(2) * 1 << 30}
			moves, delivers := 1000+wheel.Tick(rand.Int64N(int64(3*limit))), 1000+wheel.Tick(rand.Int64N(int64(6*limit)))
			at, outcome := reviews(t, p, &s, k, true, 1<<40, func(now wheel.Tick) {
				if now <= moves {
					s.Active = now
				}
				if now <= delivers && k.unsent > 0 {
					k.unsent--
				}
			})
			last := moves
			if k.unsent > 0 {
				last = max(moves, delivers)
			}
			if outcome != report.IdleTimeout || at < last+limit || at > last+limit+limit/8+2 {
				t.Fatalf("limit %d: %v at %d; bytes moved until %d, were delivered until %d (%d are left)", limit, outcome, at, moves, delivers, k.unsent)
			}
		}
	}
}

// TestSilenceOfAStoppedProgram looks long after the limit: what the kernel has delivered
// meanwhile counts.
func TestSilenceOfAStoppedProgram(t *testing.T) {
	p := &forward.Policy{Timeouts: forward.Timeouts{Idle: time.Second}}
	var s Silence
	s.firstReview(p, 1000)
	k := &fakeTeller{unsent: 100}
	sides := [2]Side{{clientFD, true}, {targetFD, true}}
	if _, outcome := s.review(p, 1100, k, sides[0], sides[1]); outcome != report.Open {
		t.Fatal(outcome)
	}
	k.unsent = 50
	if _, outcome := s.review(p, 100_000, k, sides[0], sides[1]); outcome != report.Open {
		t.Errorf("%v, though the peer has taken half of it", outcome)
	}
	if _, outcome := s.review(p, 200_000, k, sides[0], sides[1]); outcome != report.IdleTimeout {
		t.Errorf("%v, though the peer has taken nothing", outcome)
	}
}

// TestVanishedPeer has a peer owe an answer.
func TestVanishedPeer(t *testing.T) {
	const keepalive = wheel.Tick(1000)
	p := &forward.Policy{Keepalive: keepalive.Duration()}
	for name, test := range map[string]struct {
		kernel  fakeTeller
		tcp     bool
		answers wheel.Tick // when the peer does, once
		want    report.Outcome
		at      wheel.Tick
	}{
		"vanished":            {fakeTeller{owes: true, silent: 1 << 20}, true, 0, report.TargetReset, 1000 + socket.KeepaliveProbes*keepalive},
		"answers in between":  {fakeTeller{owes: true, silent: 1 << 20}, true, 1000 + keepalive, report.TargetReset, 1000 + (1+socket.KeepaliveProbes)*keepalive},
		"owes nothing":        {fakeTeller{silent: 1 << 20}, true, 0, report.Open, 100_000},
		"has answered lately": {fakeTeller{owes: true, silent: 999}, true, 0, report.Open, 100_000},
		"is not on TCP":       {fakeTeller{owes: true, silent: 1 << 20}, false, 0, report.Open, 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			var s Silence
			at, outcome := reviews(t, p, &s, &test.kernel, test.tcp, 100_000, func(now wheel.Tick) {
				if test.answers > 0 {
					test.kernel.owes = now != test.answers
				}
			})
			if outcome != test.want || at != test.at {
				t.Errorf("%v at %d, want %v at %d", outcome, at, test.want, test.at)
			}
		})
	}
}
