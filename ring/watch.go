package ring

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/ring/uring"
)

// A connection is deaf while one of its sides is not read, or not yet: that side
// could not tell of a reset. A client is such a side while its target is being
// connected, and so is whoever has ended its stream, or whose bytes the other side does
// not take. What stays so for a while is polled for errors. Most connections are over by
// then, or connected, so they pay neither for that nor for a timer.

// lookout is what a worker knows of sides to look at.
type lookout struct {
	timer    *timer
	deaf     int     // connections that are
	grace    int     // see graceRounds
	restless bool    // there is something to look at once more
	looks    uint32  // that it has had
	silent   []*half // see kickSilent
	polled   []unix.PollFd
}

// watched is what the lookout keeps of a half.
type watched struct {
	watching bool   // its source is polled for errors
	fresh    bool   // has received since the last look, by a multishot recv
	broke    bool   // its source is known to be broken, and is not read for want of room
	moved    uint64 // bytes that it had, at the last look
}

// graceRounds is how many rounds of the event loop the last connection that went deaf
// has to hear again or end. They are short ones, see worker.wait; one or two suffice
// as a rule.
const graceRounds = 8

// turnDeaf notes that a side of a connection is not read.
func (w *worker) turnDeaf(c *transfer) {
	if !c.deaf {
		c.deaf = true
		w.lookout.deaf++
	}
	w.lookout.grace = graceRounds
}

// hearAgain notes that both sides are read, or that the connection has ended.
func (w *worker) hearAgain(c *transfer) {
	if c.deaf {
		c.deaf = false
		w.lookout.deaf--
	}
}

// endRound counts a round of the event loop.
func (w *worker) endRound() {
	switch {
	case w.lookout.deaf == 0:
		w.lookout.grace = 0
	case w.lookout.grace > 1:
		w.lookout.grace--
	case w.lookout.grace == 1:
		w.lookout.grace, w.lookout.restless = 0, true
	}
	switch {
	case w.lookout.restless && !w.lookout.timer.Running():
		w.lookout.timer.Start(connection.LookAfter)
	case !w.lookout.restless && w.lookout.deaf == 0:
		w.stopTimer(w.lookout.timer)
	}
}

// look is what the lookout does: it watches each side that is not read and could not tell
// of an error, gives up halves that cannot go on, and sees to those that are read.
func (w *worker) look() {
	w.lookout.restless = false
	w.lookout.looks++
	silent := w.lookout.silent[:0]
	for _, c := range w.transfers {
		switch {
		case c.State.Awaits():
			w.lookAtWaiting(c)
		case c.State == connection.Forwarding:
			silent = w.lookAt(&c.toTarget, silent)
			if c.State == connection.Forwarding {
				silent = w.lookAt(&c.toClient, silent)
			}
		}
	}
	w.lookout.silent = silent
	w.kickSilent(silent)
}

// looksBeforeLeft is at how many looks a client must have waited for its target before it
// counts as having left for having ended its stream.
const looksBeforeLeft = 2

// lookAtWaiting looks at a connection whose client waits for the target.
func (w *worker) lookAtWaiting(c *transfer) {
	if c.looks++; c.looks < looksBeforeLeft {
		w.lookout.restless = true
	} else if c.looks = looksBeforeLeft; w.hasLeft(c, int32(w.sockets.Events(c.Client.FD, unix.POLLRDHUP))) {
		w.ClientLeft(&c.Connection)
		return
	}
	w.watch(&c.toTarget)
}

// lookAt looks at one half. silent are those to be looked at once more.
func (w *worker) lookAt(h *half, silent []*half) []*half {
	stands := !h.Done && h.writing.inFlight() && h.Moved == h.watched.moved
	h.watched.moved = h.Moved
	switch {
	case stands && h.watched.broke:
		w.GiveUp(&h.Half)
	case h.watched.broke && !h.Done:
		w.lookout.restless = true
		if h.reading.inFlight() && !h.reading.polls() { // a send may have been told, and this never
			silent = append(silent, h)
		}
	case h.Ended || h.Done, stands && !h.reading.inFlight():
		if h.watched.watching { // it was to tell
			silent = append(silent, h)
		}
		w.watch(h)
	case h.reading.inFlight() && h.Source.TCP && !h.reading.polls() && (h.watched.fresh || w.inTurn(h)):
		silent = append(silent, h)
	case !h.reading.inFlight() && h.writing.inFlight():
		w.lookout.restless = true
	}
	h.watched.fresh = false
	return silent
}

// inTurn tells whether a half that has been silent for longer is to be looked at now: some
// are at each look.
func (w *worker) inTurn(h *half) bool {
	turns := uint32(len(w.transfers)/inTurnMost) + 1
	return h.Connection.Slot%turns == w.lookout.looks%turns
}

// inTurnMost is how many connections that are silent are looked at at a time.
const inTurnMost = 256

// hasLeft tells whether a client that waits for its target is not worth waiting for.
func (w *worker) hasLeft(c *transfer, events int32) bool {
	closed := events&unix.POLLHUP != 0 && !c.Client.TCP
	ended := events&(unix.POLLRDHUP|unix.POLLHUP) != 0 && (c.State == connection.WaitingToRetry || c.looks >= looksBeforeLeft)
	return (closed || ended) && w.AskedNothing(&c.Connection)
}

// Watch implements connection.Mover.
func (w *worker) Watch(c *connection.Connection) error {
	w.turnDeaf(w.of(c))
	return nil
}

// WatchLeaving implements connection.Mover.
func (w *worker) WatchLeaving(c *connection.Connection) { w.watch(&w.of(c).toTarget) }

// watch polls a half's source for errors, and for its leaving.
func (w *worker) watch(h *half) {
	if h.watched.watching || h.Connection.Finished() {
		return
	}
	h.watched.watching = true
	h.transfer.inFlight++
	// The multishot kind: a source that has ended has an event already, POLLRDHUP, and is
	// to tell of the next.
	w.ring.PollMultishot(h.Source.FD, 0, uint64(h.transfer.userData(h.watchOp())))
}

// watched handles what a watch has found.
func (w *worker) watched(h *half, completion uring.Completion) {
	c := h.transfer
	if !completion.More() { // it may have ended by itself: the queue was full
		h.watched.watching, w.lookout.restless = false, true
		c.inFlight--
	}
	switch events := completion.Result; {
	case c.Finished():
		w.Settle(&c.Connection)
	case events < 0: // cancelled, or it cannot be watched now
	case c.State == connection.Forwarding:
		w.heard(h, events)
	case events&unix.POLLERR != 0:
		w.GiveUp(&h.Half)
	case w.hasLeft(c, events):
		w.ClientLeft(&c.Connection)
	}
}

// heard handles the events of a source that is not read: an error, or that its peer has
// closed altogether. That it has ended its stream is known, or found out in its turn.
func (w *worker) heard(h *half, events int32) {
	hangup := events&unix.POLLHUP != 0
	switch {
	case events&unix.POLLERR != 0, hangup && h.Source.TCP && !h.opposite().Done:
		w.broken(h)
	case hangup && !h.Source.TCP:
		w.PeerGone(&h.Half)
	}
	w.Settle(h.Connection)
}

// broken handles a source that is broken, and not read. What came of it before is still
// sent, as long as its destination takes any.
func (w *worker) broken(h *half) {
	switch {
	case h.reading.inFlight() && !h.Ended: // that will tell
		return
	case h.Ended || h.Done:
		w.SourceReset(&h.Half)
	}
	if h.Moved == h.watched.moved && h.writing.inFlight() && !h.Done {
		w.GiveUp(&h.Half)
		return
	}
	w.NotForLong(&h.Half)
}

// NotForLong implements connection.Mover.
func (w *worker) NotForLong(of *connection.Half) {
	h := w.halfOf(of)
	if !h.Done {
		h.watched.broke, w.lookout.restless = true, true
	}
}

// unwatch cancels the watches of a connection that is over but for them.
func (w *worker) unwatch(c *transfer) {
	if c.toTarget.watched.watching {
		w.cancel(c.userData(opWatchClient))
	}
	if c.toClient.watched.watching {
		w.cancel(c.userData(opWatchTarget))
	}
}
