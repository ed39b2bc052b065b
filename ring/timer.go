package ring

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
)

// A timer is an IORING_OP_TIMEOUT. timespecs are where the kernel reads for how long, off
// the Go heap: one for each timer.
type timespecs struct{ memory []byte }

const timespecSize = int(unsafe.Sizeof(unix.Timespec{}))

func newTimespecs(timers int) (timespecs, error) {
	memory, err := bufpool.Map(timers * timespecSize)
	return timespecs{memory}, err
}

func (t timespecs) of(timer *connection.Timer) *unix.Timespec {
	return (*unix.Timespec)(unsafe.Pointer(&t.memory[timer.Index*timespecSize]))
}

func (t timespecs) close() {
	if t.memory != nil {
		bufpool.Unmap(t.memory)
	}
}

// StartTimer implements connection.Mover.
func (w *worker) StartTimer(t *connection.Timer, d time.Duration) {
	spec := w.timespecs.of(t)
	*spec = unix.NsecToTimespec(int64(d))
	w.ring.Timeout(spec, uint64(newUserData(opTimer, uint32(t.Index), 0)))
}

// stopTimer ends a timer, if it is running, before it fires.
func (w *worker) stopTimer(t *connection.Timer) {
	if t.Stop() {
		w.cancel(newUserData(opTimer, uint32(t.Index), 0))
	}
}
