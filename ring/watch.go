package ring

import (
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/ring/uring"
)

// A connection is deaf while one of its sides is not read, or not yet: that side
// could not tell of a reset. A client is such a side while its target is being
// connected, and so is whoever has ended its stream, or whose bytes the other side does
// not take. What stays so for a while is polled for errors. Most connections are over by
// then, or connected, so they pay neither for that nor for a timer.

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
	case w.grace > 1:
		w.grace--
	case w.grace == 1:
		w.grace, w.restless = 0, true
	}
	switch {
	case w.restless && !w.lookout.running:
		w.start(w.lookout, watchPause)
	case !w.restless && w.deaf == 0:
		w.stopTimer(w.lookout)
	}
}

// look is what the lookout does: it watches each side that is not read and could not tell
// of an error, gives up halves that cannot go on, and sees to those that are read.
func (w *worker) look() {
	w.restless = false
	w.looks++
	silent := w.silent[:0]
	for _, c := range w.connections.All() {
		switch c.state {
		case stateResolving, stateConnecting:
			w.lookAtWaiting(c)
		case stateForwarding:
			silent = w.lookAt(&c.toTarget, silent)
			if c.state == stateForwarding {
				silent = w.lookAt(&c.toClient, silent)
			}
		}
	}
	w.silent = silent
	w.kickSilent(silent)
}

// looksBeforeLeft is at how many looks a client must have waited for its target before it
// counts as having left for having ended its stream.
const looksBeforeLeft = 2

// lookAtWaiting looks at a connection whose client waits for the target.
func (w *worker) lookAtWaiting(c *connection) {
	if c.looks++; c.looks < looksBeforeLeft {
		w.restless = true
	} else if c.looks = looksBeforeLeft; w.hasLeft(c, int32(w.sockets.Events(c.client, unix.POLLRDHUP))) {
		w.clientLeft(c)
		return
	}
	w.watch(&c.toTarget)
}

func (w *worker) clientLeft(c *connection) {
	c.outcome.Note(forward.ClientLeft)
	w.abort(c)
}

// lookAt looks at one half. silent are those to be looked at once more.
func (w *worker) lookAt(h *half, silent []*half) []*half {
	stands := !h.done && h.sending && h.moved == h.looked
	h.looked = h.moved
	switch {
	case stands && h.broke:
		w.giveUp(h)
	case h.broke && !h.done:
		w.restless = true
		if h.receiving && !h.awaiting { // a send may have been told, and this never
			silent = append(silent, h)
		}
	case h.ended || h.done, stands && !h.receiving:
		if h.watching { // it was to tell
			silent = append(silent, h)
		}
		w.watch(h)
	case h.receiving && h.sourceIP && !h.awaiting && (h.fresh || w.inTurn(h)):
		silent = append(silent, h)
	case !h.receiving && h.sending:
		w.restless = true
	}
	h.fresh = false
	return silent
}

// inTurn tells whether a half that has been silent for longer is to be looked at now: some
// are at each look.
func (w *worker) inTurn(h *half) bool {
	turns := uint32(len(w.connections.All())/inTurnMost) + 1
	return h.connection.slot%turns == w.looks%turns
}

// inTurnMost is how many connections that are silent are looked at at a time.
const inTurnMost = 256

// giveUp resets a connection whose source is broken while its destination takes nothing.
func (w *worker) giveUp(h *half) {
	h.connection.outcome.Note(forward.ResetBy(h.fromClient()))
	w.abort(h.connection)
}

// watch polls a half's source for errors, and for its leaving.
func (w *worker) watch(h *half) {
	if h.watching || h.connection.finished() {
		return
	}
	h.watching = true
	h.connection.inFlight++
	// The multishot kind: a source that has ended has an event already, POLLRDHUP, and is
	// to tell of the next.
	w.ring.PollMultishot(h.source(), 0, uint64(h.connection.userData(h.watchOp())))
}

// watched handles what a watch has found.
func (w *worker) watched(h *half, completion uring.Completion) {
	c := h.connection
	if !completion.More() { // it may have ended by itself: the queue was full
		h.watching, w.restless = false, true
		c.inFlight--
	}
	switch events := completion.Result; {
	case c.finished():
		w.settle(c)
	case events < 0: // cancelled, or it cannot be watched now
	case c.state == stateForwarding:
		w.heard(h, events)
	case events&unix.POLLERR != 0:
		c.outcome.Note(forward.ClientReset)
		w.abort(c)
	case w.hasLeft(c, events):
		w.clientLeft(c)
	}
}

// heard handles the events of a source that is not read: an error, or that its peer has
// closed altogether. That it has ended its stream is known, or found out in its turn.
func (w *worker) heard(h *half, events int32) {
	hangup := events&unix.POLLHUP != 0
	switch {
	case events&unix.POLLERR != 0, hangup && h.sourceIP && !h.opposite().done:
		w.broken(h)
	case hangup && !h.sourceIP:
		w.peerGone(h)
	}
	w.settle(h.connection)
}

// broken handles a source that is broken, and not read. What came of it before is still
// sent, as long as its destination takes any.
func (w *worker) broken(h *half) {
	switch {
	case h.receiving && !h.ended: // that will tell
		return
	case h.ended || h.done:
		h.connection.outcome.Note(forward.ResetBy(h.fromClient()))
		w.discard(h.opposite())
	}
	if h.moved == h.looked && h.sending && !h.done {
		w.giveUp(h)
		return
	}
	w.notForLong(h)
}

// notForLong has a half whose source is broken go on only as long as its destination takes
// what came before.
func (w *worker) notForLong(h *half) {
	if !h.done {
		h.broke, w.restless = true, true
	}
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
