package connection

import "time"

// Timer is one of a worker's few timers: for pauses of accepting, the watchdog, full backlogs.
// Connections have none; their time limits are on the wheel.
type Timer struct {
	Index   int // counts a worker's timers
	keeper  *Keeper
	fire    func()
	running bool
	stopped bool // ... but is to end early, without firing
}

// NewTimer returns a timer that calls fire on the worker.
func (k *Keeper) NewTimer(fire func()) *Timer {
	t := &Timer{Index: len(k.timers), keeper: k, fire: fire}
	k.timers = append(k.timers, t)
	return t
}

// Timer is that of an index.
func (k *Keeper) Timer(index int) *Timer { return k.timers[index] }

// Timers is how many there are.
func (k *Keeper) Timers() int { return len(k.timers) }

// Running tells whether it has been started, and has not ended yet.
func (t *Timer) Running() bool { return t.running }

// Start has it fire once, after d, unless it is running.
func (t *Timer) Start(d time.Duration) {
	if !t.running {
		t.running = true
		t.keeper.mover.StartTimer(t, d)
	}
}

// Stop keeps it from firing. It reports whether it is running still, and is to be ended.
func (t *Timer) Stop() bool {
	if !t.running || t.stopped {
		return false
	}
	t.stopped = true
	return true
}

// Expire ends it. An engine calls it when the time is over, or where that cannot be told.
func (t *Timer) Expire() {
	fires := t.running && !t.stopped
	t.running, t.stopped = false, false
	if fires {
		t.fire()
	}
}
