package crew

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestGateLetsExactlyTheLimitIn(t *testing.T) {
	const limit, workers, rounds = 7, 8, 10000
	g := NewGate(limit, nil)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				if g.Admit() {
					if n := g.Current(); n < 1 {
						t.Errorf("a connection is in, but the gate counts %d", n)
					}
					g.Release(false)
				}
			}
		})
	}
	wg.Wait()
	for i := range limit {
		if !g.Admit() {
			t.Fatalf("connection %d of %d was refused", i+1, limit)
		}
	}
	if g.Admit() {
		t.Fatalf("connection %d was let in at a limit of %d", limit+1, limit)
	}
}

// TestDormantConnections has connections whose target has ended: they take up places, and
// keep nobody up, but for what moves on them.
func TestDormantConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expired := make(chan time.Time, 4)
		g := NewGate(2, NewIdleClock(time.Second, func() { expired <- time.Now() }))
		counts := func(current, busy int) {
			t.Helper()
			if g.Current() != current || g.Busy() != busy {
				t.Errorf("%d are in, %d of them busy; want %d and %d", g.Current(), g.Busy(), current, busy)
			}
		}
		g.Admit()
		g.Admit()
		g.Sleep()
		counts(2, 1)
		if g.Admit() {
			t.Error("a dormant connection has no place")
		}
		time.Sleep(time.Minute)
		if len(expired) > 0 {
			t.Fatal("expired with a connection that is not dormant")
		}
		begin := time.Now()
		g.Release(false)
		counts(1, 0)
		time.Sleep(900 * time.Millisecond)
		g.Stir()
		if at := (<-expired).Sub(begin); at != 1900*time.Millisecond {
			t.Errorf("expired after %v, not a second after bytes moved on what is dormant", at)
		}
		g.Admit()
		counts(2, 1)
		begin = time.Now()
		g.Sleep() // both are, now
		if at := (<-expired).Sub(begin); at != time.Second {
			t.Errorf("expired after %v, not a second after the last has become dormant", at)
		}
		g.Release(true)
		g.Release(true)
		counts(0, 0)
		<-expired
		if first, second := g.Admit(), g.Admit(); !first || !second || g.Admit() {
			t.Error("the places of dormant connections have not come back")
		}
	})
}

// TestGateFindsNobody has clients knock who are gone: the clock need not wait for the first
// connection any more, but for those that are in.
func TestGateFindsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expired := make(chan time.Time, 4)
		g := NewGate(2, NewIdleClock(time.Second, func() { expired <- time.Now() }))
		begin := time.Now()
		g.FoundNobody()
		if at := (<-expired).Sub(begin); at != time.Second {
			t.Errorf("expired after %v", at)
		}
		g.Admit()
		g.FoundNobody()
		time.Sleep(time.Minute)
		if len(expired) > 0 {
			t.Error("expired with a connection")
		}
	})
}
