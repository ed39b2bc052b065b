package crew

import (
	"testing"
	"time"
)

func TestHeartNeedsAllWorkers(t *testing.T) {
	for _, workers := range []int{1, 2, 64} {
		h := &Heart{interval: time.Second, all: 1<<workers - 1, due: make(chan struct{}, 8)}
		kept := 0
		for round := range 3 {
			for worker := range workers {
				if kept = len(h.due); kept != round {
					t.Fatalf("%d workers: %d keep-alives after %d full rounds and %d beats", workers, kept, round, worker)
				}
				h.Beat(worker)
			}
		}
		if kept = len(h.due); kept != 3 {
			t.Errorf("%d workers: %d keep-alives after 3 rounds", workers, kept)
		}
		// One hangs: the others alone do not keep the program alive.
		for range 10 {
			for worker := range workers - 1 {
				h.Beat(worker)
			}
		}
		if kept = len(h.due); kept != 3 {
			t.Errorf("%d workers: %d keep-alives while one hangs", workers, kept-3)
		}
	}
}

// TestStuckManager beats on while a keep-alive cannot be sent.
func TestStuckManager(t *testing.T) {
	began, release := make(chan struct{}, 8), make(chan struct{})
	h := NewHeart(time.Second, 1, func() {
		began <- struct{}{}
		<-release
	})
	h.Beat(0)
	<-began
	for range 5 {
		h.Beat(0) // none of them waits
	}
	close(release)
	<-began // one was due meanwhile
}
