package fallback

import (
	"slices"
	"time"

	"uring-socket-proxyd/internal/connection"
)

// timers are a worker's own few timers: accept pauses, watchdog, full backlogs.
// Connections have none while they forward.
type timers struct {
	pending []firing // by time
}

type firing struct {
	at   time.Time
	fire func()
}

// start calls fire once, after d.
func (t *timers) start(d time.Duration, fire func()) {
	at := time.Now().Add(d)
	i, _ := slices.BinarySearchFunc(t.pending, at, func(other firing, at time.Time) int {
		if other.at.After(at) {
			return 1
		}
		return -1 // behind those of the same time
	})
	t.pending = slices.Insert(t.pending, i, firing{at, fire})
}

// wait is the time until the next timer fires, negative if there is none.
func (t *timers) wait() time.Duration {
	if len(t.pending) == 0 {
		return -1
	}
	return max(0, time.Until(t.pending[0].at))
}

// run fires what is due, and not what becomes due meanwhile: there is other work.
func (t *timers) run() {
	for now := time.Now(); len(t.pending) > 0 && !t.pending[0].at.After(now); {
		fire := t.pending[0].fire
		t.pending = slices.Delete(t.pending, 0, 1)
		fire()
	}
}

// NewTimer implements connection.Mover.
func (w *worker) NewTimer(fire func()) connection.Timer { return w.timers.add(fire) }

// add returns a timer of its own that calls fire.
func (t *timers) add(fire func()) *timer { return &timer{of: t, fire: fire} }

// timer can be started again once it has fired.
type timer struct {
	of      *timers
	running bool
	fire    func()
}

// Running implements connection.Timer.
func (t *timer) Running() bool { return t.running }

// Start implements connection.Timer.
func (t *timer) Start(d time.Duration) {
	t.running = true
	t.of.start(d, func() {
		t.running = false
		t.fire()
	})
}
