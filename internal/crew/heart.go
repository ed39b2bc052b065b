package crew

import (
	"sync/atomic"
	"time"
)

// Heart turns the beats of all workers into watchdog keep-alives: one is sent once every
// worker has beaten since the last, so a single hung event loop is enough to be noticed.
type Heart struct {
	interval time.Duration
	all      uint64        // a bit for each worker
	beaten   atomic.Uint64 // those that have beaten since the last keep-alive
	due      chan struct{} // a keep-alive that is to be sent
}

// NewHeart returns a heart for up to 64 workers, each of which calls Beat from
// its event loop every interval. keep sends the keep-alive; a service manager that
// does not read makes it wait, so it runs on a goroutine of its own, which lives as
// long as the program.
func NewHeart(interval time.Duration, workers int, keep func()) *Heart {
	h := &Heart{interval: interval, all: 1<<workers - 1, due: make(chan struct{}, 1)}
	go func() {
		for range h.due {
			keep()
		}
	}()
	return h
}

// Interval is the time between two beats of a worker.
func (h *Heart) Interval() time.Duration { return h.interval }

// Beat says that the event loop of a worker, counted from 0, is alive.
func (h *Heart) Beat(worker int) {
	if h.beaten.Or(1<<worker)|1<<worker == h.all {
		h.beaten.Store(0)
		select {
		case h.due <- struct{}{}:
		default: // the last one is not sent yet
		}
	}
}
