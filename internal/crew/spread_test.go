package crew

import (
	"sync"
	"testing"
)

func TestSpreadIsEvenWhoeverAccepts(t *testing.T) {
	const workers, each = 4, 250
	s := newSpread(workers)
	var wg sync.WaitGroup
	for self := range workers {
		// Worker 0 accepts most of them, as with exclusive wake-ups.
		n := 40
		if self == 0 {
			n = workers*each - (workers-1)*40
		}
		wg.Go(func() {
			for range n {
				s.Choose(self)
			}
		})
	}
	wg.Wait()
	for worker := range workers {
		if n := s.Count(worker); n != each {
			t.Errorf("worker %d has %d connections, want %d", worker, n, each)
		}
	}
}

func TestSpreadPrefersTheWorkerThatAccepted(t *testing.T) {
	s := newSpread(3)
	for _, step := range []struct{ self, want int }{{1, 1}, {1, 2}, {0, 0}, {2, 2}, {2, 0}} {
		if got := s.Choose(step.self); got != step.want {
			t.Fatalf("a connection that worker %d has accepted goes to %d, want %d", step.self, got, step.want)
		}
	}
	s.Leave(1)
	if got := s.Choose(0); got != 1 {
		t.Errorf("goes to %d, want worker 1, which has none", got)
	}
}

func TestSpreadOfOneCountsNothing(t *testing.T) {
	s := newSpread(1)
	if got := s.Choose(0); got != 0 || s.Count(0) != 0 {
		t.Errorf("goes to %d, counted %d times", got, s.Count(0))
	}
	s.Leave(0)
}
