package connection

import (
	"time"

	"golang.org/x/sys/unix"
)

// Once in a while, as long as there is reason to, a worker looks at all connections: at
// what a side that leaves has left behind, which may not stand for ever.

// LookAfter is the time between two looks. So it is also about how long the bytes of a broken
// source are kept while the destination takes none, and how long a client that waits for its
// target still counts as there after it has ended its stream.
const LookAfter = time.Second

// looksBeforeLeft is at how many looks a client must have waited for its target before it
// counts as having left for having ended its stream.
const looksBeforeLeft = 2

// lookout is when a worker looks.
type lookout struct {
	timer    *Timer
	restless bool // there is something to look at once more
}

// seen is what has been seen of a half.
type seen struct {
	broke bool   // its source is known to be broken, and may not be read for want of room
	held  bool   // it held bytes at the last look
	still bool   // ... and had moved none since the look before
	stood bool   // ... but held some then, too
	moved uint64 // bytes that it had moved at the last look
}

// Restless has the worker look once more.
func (k *Keeper) Restless() { k.lookout.restless = true }

// AtEase tells that nothing is to be looked at.
func (k *Keeper) AtEase() bool { return !k.lookout.restless }

// LookTimer ends in the next look.
func (k *Keeper) LookTimer() *Timer { return k.lookout.timer }

// Broke tells whether the source is known to be broken.
func (h *Half) Broke() bool { return h.seen.broke }

// Stands tells that it holds bytes none of which has moved since the look before the last.
func (h *Half) Stands() bool { return h.seen.stood && h.Moved == h.seen.moved && !h.Done }

// Still tells that it held bytes at the last look, and had moved none for a while.
func (h *Half) Still() bool { return h.seen.still }

// lookSoon starts the timer, if there is reason to look.
func (k *Keeper) lookSoon() {
	if k.lookout.restless {
		k.lookout.timer.Start(LookAfter)
	}
}

// look looks at each connection.
func (k *Keeper) look() {
	k.lookout.restless = false
	for _, c := range k.slots.all {
		switch {
		case c.State.Awaits():
			k.lookAtWaiting(c)
		case c.State == Forwarding:
			k.lookAt(c.ToTarget())
			k.lookAt(c.ToClient())
		}
	}
	k.mover.Looked()
}

// lookAtWaiting looks at a connection whose client waits for the target.
func (k *Keeper) lookAtWaiting(c *Connection) {
	if c.looks++; c.looks < looksBeforeLeft {
		k.Restless()
		return
	}
	c.looks = looksBeforeLeft
	k.checkLeft(c)
}

// lookAt looks at one half, and gives the connection up if its source is broken and what
// came before stands.
func (k *Keeper) lookAt(h *Half) {
	if h.Connection.State != Forwarding { // the other half was given up
		return
	}
	held := h.Held > 0 && !h.Done
	h.seen.still = held && h.Moved == h.seen.moved
	h.seen.stood = h.seen.still && h.seen.held
	h.seen.held, h.seen.moved = held, h.Moved
	switch {
	case h.Done, !h.seen.broke:
	case h.seen.stood:
		k.GiveUp(h)
	default:
		k.Restless()
	}
}

// NotForLong has a half whose source is broken go on only as long as its destination takes
// what came before.
func (k *Keeper) NotForLong(h *Half) {
	if h.Done {
		return
	}
	h.seen.broke = true
	k.Restless()
}

// checkLeft ends a connection whose client has left while it waits for its target.
func (k *Keeper) checkLeft(c *Connection) {
	if k.hasLeft(c, k.Sockets.Events(c.Client.FD, unix.POLLRDHUP)) {
		k.clientLeft(c)
	}
}

// hasLeft tells whether a client that waits for its target, and of which poll(2) says this,
// is not worth waiting for: it has closed or ended its stream, and has asked for nothing.
// One that may yet be sent something is given the time that a connect takes as a rule: it
// may want to hear what the target says.
func (k *Keeper) hasLeft(c *Connection, events int16) bool {
	closed := events&unix.POLLHUP != 0 && !c.Client.TCP
	ended := events&(unix.POLLRDHUP|unix.POLLHUP) != 0 && (c.State == WaitingToRetry || c.looks >= looksBeforeLeft)
	return (closed || ended) && !k.Sockets.Pending(c.Client.FD) && !c.Prologue.HasPayload()
}
