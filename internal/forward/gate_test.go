package forward

import (
	"sync"
	"testing"
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
