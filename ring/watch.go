package ring

import (
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/ring/uring"
)

// A connection is deaf while one of its sides is not read, or not yet: that side
// could not tell of a reset. A client is such a side while its target is being
// connected, and so is whoever has ended its stream. What stays so for a while is
// polled for errors. Most connections are over by then, or connected, so they pay
// neither for that nor for a timer.

// graceRounds is how many rounds of the event loop the last connection that went deaf
// has to hear again or end. They are short ones, see worker.wait; one or two suffice
// as a rule.
const graceRounds = 8

// watchPause is how long the worker waits after that before it looks for sides to
// watch.
const watchPause = time.Second

// turnDeaf notes that a side of a connection is not read.
func (w *worker) turnDeaf(c *connection) {
	if !c.deaf {
		c.deaf = true
		w.deaf++
	}
	w.grace = graceRounds
}

// hearAgain notes that both sides are read, or that the connection has ended.
func (w *worker) hearAgain(c *connection) {
	if c.deaf {
		c.deaf = false
		w.deaf--
	}
}

// endRound counts a round of the event loop.
func (w *worker) endRound() {
	switch {
	case w.deaf == 0:
		w.grace = 0
		w.stopTimer(w.lookout)
	case w.grace > 1:
		w.grace--
	case w.grace == 1 && !w.lookout.stopped:
		if w.grace = 0; !w.lookout.running {
			w.start(w.lookout, watchPause)
		}
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
	w.ring.Poll(h.source(), w.watchedEvents(h.connection), uint64(h.connection.userData(op)))
}

// watched handles the end of a watch: an error, a cancel, or the source's leaving
// in peace, which is the destination's to find out.
func (w *worker) watched(h *half, completion uring.Completion) {
	h.watching = false
	c := h.connection
	c.inFlight--
	switch {
	case completion.Result > 0 && w.hasLeft(c, completion.Result):
		if completion.Result&unix.POLLERR != 0 {
			c.outcome.Note(forward.ClientReset)
		}
		c.outcome.Note(forward.ClientLeft)
		w.abort(c)
		return
	case completion.Result <= 0 || completion.Result&unix.POLLERR == 0:
	case c.state == stateForwarding:
		c.outcome.Note(forward.ResetBy(h.fromClient()))
		w.discard(h.opposite())
	default:
		c.outcome.Note(forward.ClientReset)
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
