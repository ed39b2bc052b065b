package forward

import (
	"sync/atomic"
	"time"
)

// Heart turns the beats of all workers into watchdog keep-alives: one is sent
// when each worker has beaten since the last, so that a single hung event loop
// is enough to be noticed.
type Heart struct {
	interval time.Duration
	all      uint64        // a bit for each worker
	beaten   atomic.Uint64 // those that have beaten since the last keep-alive
	keep     func()
}

// NewHeart returns a heart for up to 64 workers, each of which calls Beat from
// its event loop every interval. keep sends the keep-alive.
func NewHeart(interval time.Duration, workers int, keep func()) *Heart {
	return &Heart{interval: interval, all: 1<<workers - 1, keep: keep}
}

// Interval is the time between two beats of a worker.
func (h *Heart) Interval() time.Duration { return h.interval }

// Beat says that the event loop of a worker, counted from 0, is alive.
func (h *Heart) Beat(worker int) {
	if h.beaten.Or(1<<worker)|1<<worker == h.all {
		h.beaten.Store(0)
		h.keep()
	}
}
