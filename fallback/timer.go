package fallback

import (
	"slices"
	"time"

	"uring-socket-proxyd/internal/connection"
)

// timers are those of a worker that are running, by time.
type timers []pending

type pending struct {
	at    time.Time
	timer *connection.Timer
}

// StartTimer implements connection.Mover.
func (w *worker) StartTimer(timer *connection.Timer, d time.Duration) {
	at := time.Now().Add(d)
	i, _ := slices.BinarySearchFunc(w.timers, at, func(other pending, at time.Time) int {
		if other.at.After(at) {
			return 1
		}
		return -1 // behind those of the same time
	})
	w.timers = slices.Insert(w.timers, i, pending{at, timer})
}

// sooner is the time until the next timer, if that is sooner than a wait, which is for ever
// if negative.
func (t timers) sooner(wait time.Duration) time.Duration {
	if len(t) == 0 || wait == 0 {
		return wait
	}
	next := max(0, time.Until(t[0].at))
	if wait < 0 {
		return next
	}
	return min(wait, next)
}

// expire fires what is due, and not what becomes due meanwhile: there is other work.
func (w *worker) expire() {
	if len(w.timers) == 0 {
		return
	}
	for now := time.Now(); len(w.timers) > 0 && !w.timers[0].at.After(now); {
		timer := w.timers[0].timer
		w.timers = slices.Delete(w.timers, 0, 1)
		timer.Expire()
	}
}
