package forward

import (
	"testing"
	"time"
)

func TestHeartNeedsAllWorkers(t *testing.T) {
	for _, workers := range []int{1, 2, 64} {
		kept := 0
		h := NewHeart(time.Second, workers, func() { kept++ })
		for round := range 3 {
			for worker := range workers {
				if kept != round {
					t.Fatalf("%d workers: %d keep-alives after %d full rounds and %d beats", workers, kept, round, worker)
				}
				h.Beat(worker)
			}
		}
		if kept != 3 {
			t.Errorf("%d workers: %d keep-alives after 3 rounds", workers, kept)
		}
		// One hangs: the others alone do not keep the program alive.
		for range 10 {
			for worker := range workers - 1 {
				h.Beat(worker)
			}
		}
		if kept != 3 {
			t.Errorf("%d workers: %d keep-alives while one hangs", workers, kept-3)
		}
	}
}
