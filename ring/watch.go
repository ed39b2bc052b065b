package ring

import (
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/ring/uring"
)

// A side that is no longer read, or not yet, would not tell of a reset: a client
// that has ended its stream, or one whose target is still being connected. What
// stays so for a while is polled for errors. Most connections are over by then,
// so that they do not pay for it.

// watchPause is how long the worker waits before it looks for sides to watch.
const watchPause = time.Second

// watchSoon looks for sides to watch, some time from now.
func (w *worker) watchSoon() {
	if !w.lookout.running {
		w.start(w.lookout, watchPause)
	}
}

// watchSilent polls each side for errors that would go unnoticed.
func (w *worker) watchSilent() {
	for _, c := range w.connections.All() {
		switch c.state {
		case stateResolving, stateConnecting:
			w.watch(&c.toTarget, opWatchClient)
		case stateForwarding:
			if c.toTarget.ended || c.toTarget.done {
				w.watch(&c.toTarget, opWatchClient)
			}
			if c.toClient.ended || c.toClient.done {
				w.watch(&c.toClient, opWatchTarget)
			}
		}
	}
}

func (w *worker) watch(h *half, op operation) {
	if h.watching || h.connection.finished() {
		return
	}
	h.watching = true
	h.connection.inFlight++
	w.ring.Poll(h.source(), 0, uint64(h.connection.userData(op)))
}

// watched handles the end of a watch: an error, a cancel, or the source's leaving
// in peace, which is the destination's to find out.
func (w *worker) watched(h *half, completion uring.Completion) {
	h.watching = false
	c := h.connection
	c.inFlight--
	switch {
	case completion.Result <= 0 || completion.Result&unix.POLLERR == 0:
	case c.state == stateForwarding:
		w.discard(h.opposite())
	default:
		w.abort(c)
		return
	}
	w.settle(c)
}

// unwatch cancels the watches of a connection that is over but for them.
func (w *worker) unwatch(c *connection) {
	if c.toTarget.watching {
		w.cancel(c.userData(opWatchClient))
	}
	if c.toClient.watching {
		w.cancel(c.userData(opWatchTarget))
	}
}
