package ring

import (
	"syscall"
	"time"

	"uring-socket-proxyd/internal/connection"
)

// recancelPause is how long to wait before an operation is cancelled again.
const recancelPause = 5 * time.Millisecond

// missed is what cancels have missed.
type missed struct {
	operations []userData // to cancel again
	timer      *connection.Timer
}

// cancel asks the kernel to end an operation, whose own completion tells when it
// has.
func (w *worker) cancel(data userData) {
	w.ring.Cancel(uint64(data), uint64(data|userData(opCancel)))
}

// cancelled handles the completion of a cancel. The kernel misses an operation
// that is about to be tried again (ENOENT), cannot stop one at once that a thread of
// its own runs (EALREADY), and may lack the memory for the cancel itself. If the
// operation is not over by itself soon, it must be cancelled again: a connect to a
// UNIX socket with a full backlog, for one, would never end.
func (w *worker) cancelled(data userData, errno syscall.Errno) {
	data &^= userData(opCancel)
	if errno == 0 || !w.pending(data) {
		return
	}
	w.missed.operations = append(w.missed.operations, data)
	w.missed.timer.Start(recancelPause)
}

// cancelMissed cancels again what a cancel has missed.
func (w *worker) cancelMissed() {
	missed := w.missed.operations
	w.missed.operations = nil
	for _, data := range missed {
		if w.pending(data) {
			w.cancel(data)
		}
	}
}

// pending tells whether an operation that was to be cancelled is still in flight.
func (w *worker) pending(data userData) bool {
	op := data.operation()
	switch op {
	case opAccept:
		return w.Listener(data.slot()).Accepting && !w.MayAccept()
	case opTimer:
		return false // it ends by itself
	}
	c := w.transfers[data.slot()]
	if c.Generation != data.generation() || c.State == connection.Free {
		return false
	}
	switch op {
	case opConnect:
		return c.attempt != attemptNone && (c.Finished() || c.timedOut)
	case opRecvClient, opRecvTarget:
		return c.half(op).Reading.Stops()
	case opWatchClient, opWatchTarget:
		return c.half(op).watched.watching
	}
	return c.half(op).Writing.InFlight()
}
