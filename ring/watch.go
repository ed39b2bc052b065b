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

// watches is what a worker knows of sides to watch.
type watches struct {
	deaf   int     // connections that are
	grace  int     // see graceRounds
	looks  uint32  // that the worker has had
	silent []*half // see kickSilent
	polled []unix.PollFd
}

// watched is what the engine keeps of a half for that.
type watched struct {
	watching bool // its source is polled for errors
	fresh    bool // has received since the last look, by a multishot recv
}

// graceRounds is how many rounds of the event loop the last connection that went deaf
// has to hear again or end. They are short ones, see worker.Sleep; one or two suffice
// as a rule.
const graceRounds = 8

// turnDeaf notes that a side of a connection is not read.
func (w *worker) turnDeaf(c *transfer) {
	if !c.deaf {
		c.deaf = true
		w.watches.deaf++
	}
	w.watches.grace = graceRounds
}

// hearAgain notes that both sides are read, or that the connection has ended.
func (w *worker) hearAgain(c *transfer) {
	if c.deaf {
		c.deaf = false
		w.watches.deaf--
	}
}

// countRound counts a round of the event loop.
func (w *worker) countRound() {
	switch {
	case w.watches.deaf == 0:
		w.watches.grace = 0
	case w.watches.grace > 1:
		w.watches.grace--
	case w.watches.grace == 1:
		w.watches.grace = 0
		w.Restless()
	}
	if w.AtEase() && w.watches.deaf == 0 {
		w.stopTimer(w.LookTimer())
	}
}

// Looked implements connection.Mover: it watches each side that is not read and could not
// tell of an error, and sees to those that are read.
func (w *worker) Looked() {
	w.watches.looks++
	silent := w.watches.silent[:0]
	for _, c := range w.transfers {
		switch {
		case c.State.Awaits():
			w.watch(&c.toTarget)
		case c.State == connection.Forwarding:
			silent = w.lookAt(&c.toTarget, silent)
			silent = w.lookAt(&c.toClient, silent)
		}
	}
	w.watches.silent = silent
	w.kickSilent(silent)
}

// lookAt looks at one half. silent are those to be looked at once more.
func (w *worker) lookAt(h *half, silent []*half) []*half {
	reads := h.Reading.InFlight()
	switch {
	case h.Broke() && !h.Done:
		if reads && !h.Reading.Polls() { // a send may have been told, and this never
			silent = append(silent, h)
		}
	case h.Ended() || h.Done, h.Still() && !reads:
		if h.watched.watching { // it was to tell
			silent = append(silent, h)
		}
		w.watch(h)
	case reads && h.Source.TCP && !h.Reading.Polls() && (h.watched.fresh || w.inTurn(h)):
		silent = append(silent, h)
	case !reads && h.Writing.InFlight():
		w.Restless()
	}
	h.watched.fresh = false
	return silent
}

// inTurn tells whether a half that has been silent for longer is to be looked at now: some
// are at each look.
func (w *worker) inTurn(h *half) bool {
	turns := uint32(len(w.transfers)/inTurnMost) + 1
	return h.Connection.Slot%turns == w.watches.looks%turns
}

// inTurnMost is how many connections that are silent are looked at at a time.
const inTurnMost = 256

// Watch implements connection.Mover.
func (w *worker) Watch(of *connection.Connection, what connection.Watched) error {
	switch c := w.of(of); what {
	case connection.ForErrors:
		w.turnDeaf(c)
	case connection.ForLeaving:
		w.watch(&c.toTarget)
	case connection.ForHeader:
		w.await(&c.toTarget)
	}
	return nil
}

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
	if !completion.More() { // it may have ended by itself: the queue was full
		h.watched.watching = false
		w.Restless()
		h.transfer.inFlight--
	}
	if events := completion.Result; events >= 0 { // else it is cancelled, or cannot be watched now
		w.Heard(&h.Half, int16(events))
	}
	w.Settle(h.Connection)
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
