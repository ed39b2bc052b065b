package ring

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
)

// timer is one of a worker's own few timers (accept pauses, watchdog, scarcity):
// an IORING_OP_TIMEOUT each. Connections have none.
type timer struct {
	worker  *worker
	index   uint32
	spec    *unix.Timespec // off the Go heap
	running bool
	stopped bool // ... but is to end early, without firing
	fire    func()
}

// timerTable holds the timers and the memory of their timespecs.
type timerTable struct {
	worker *worker
	memory []byte
	timers []*timer
}

func (w *worker) newTimerTable(capacity int) (timerTable, error) {
	memory, err := bufpool.Map(capacity * int(unsafe.Sizeof(unix.Timespec{})))
	return timerTable{worker: w, memory: memory}, err
}

// add returns a timer that calls fire on the worker.
func (t *timerTable) add(fire func()) *timer {
	size := int(unsafe.Sizeof(unix.Timespec{}))
	at := len(t.timers) * size
	if at+size > len(t.memory) {
		panic(fmt.Sprintf("ring: no room for timer %d", len(t.timers)))
	}
	timer := &timer{worker: t.worker, index: uint32(len(t.timers)), spec: (*unix.Timespec)(unsafe.Pointer(&t.memory[at])), fire: fire}
	t.timers = append(t.timers, timer)
	return timer
}

// NewTimer implements connection.Mover.
func (w *worker) NewTimer(fire func()) connection.Timer { return w.timers.add(fire) }

// Running implements connection.Timer.
func (t *timer) Running() bool { return t.running }

// Start implements connection.Timer.
func (t *timer) Start(d time.Duration) {
	t.running = true
	*t.spec = unix.NsecToTimespec(int64(d))
	t.worker.ring.Timeout(t.spec, uint64(newUserData(opTimer, t.index, 0)))
}

// stopTimer ends a timer, if it is running, before it fires.
func (w *worker) stopTimer(t *timer) {
	if t.running && !t.stopped {
		t.stopped = true
		w.cancel(newUserData(opTimer, t.index, 0))
	}
}

// expired handles the end of a timer, or that it could not be set: then it fires at
// once.
func (w *worker) expired(t *timer) {
	fires := t.running && !t.stopped
	t.running, t.stopped = false, false
	if fires {
		t.fire()
	}
}
