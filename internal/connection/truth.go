package connection

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/socket"
)

// What becomes of a connection one of whose sides has broken, or is gone. What the kernel
// says of a stream is not always so: docs/kernel-claims.md lists what the engines rest on.
// Here they look again where a claim is known to be false at times.

// Receipt is the result of a receive.
type Receipt uint8

const (
	Bytes   Receipt = iota
	Nothing         // there is nothing
	Again           // the receive is to be repeated
	Over            // the half receives nothing more
)

func (r Receipt) String() string { return name(int(r), "bytes", "nothing", "again", "over") }

// ReceivedNothing handles a receive that has brought no bytes: an error, or the end if that
// is 0.
func (k *Keeper) ReceivedNothing(h *Half, errno syscall.Errno) Receipt {
	switch errno {
	case unix.EAGAIN:
		return Nothing
	case unix.EINTR:
		return Again
	case 0:
		k.SourceEnded(h)
	default:
		k.SourceFailed(h)
	}
	return Over
}

// SourceFailed handles a source that broke. What came before is still sent, as long as the
// destination takes any, then that is reset; nothing more can be sent to the source.
func (k *Keeper) SourceFailed(h *Half) {
	h.Input = InputFailed
	k.NotForLong(h)
	k.SourceReset(h)
}

// sourceBroke handles a source that is known to be broken, whether it is being read or not.
func (k *Keeper) sourceBroke(h *Half) {
	k.SourceFailed(h)
	k.mover.Proceed(h)
}

// SourceEnded handles a source of which the kernel has said that its stream is over.
//
// The kernel also says so of a TCP connection that was reset if a send to it has taken the
// error: one in flight, which may not have told yet, or a splice that has moved some first.
func (k *Keeper) SourceEnded(h *Half) {
	back := h.Opposite()
	if h.Source.TCP && !back.Done && (back.Writing.InFlight() || back.Short) && k.Sockets.Closed(h.Source.FD) {
		k.SourceFailed(h)
		return
	}
	h.End()
	if h.Broke() && !back.Done {
		k.SourceReset(h)
	}
	if !h.Source.TCP {
		k.peerMayBeGone(h)
	}
}

// SourceReset handles a source that has reset: what is sent to it is in vain.
func (k *Keeper) SourceReset(h *Half) {
	h.Connection.Outcome.Note(report.ResetBy(h.FromClient()))
	k.Discard(h.Opposite())
}

// GiveUp resets a connection because of a source that is broken.
func (k *Keeper) GiveUp(h *Half) {
	h.Connection.Outcome.Note(report.ResetBy(h.FromClient()))
	k.Abort(h.Connection)
}

// DestinationFailed handles a destination that takes nothing more.
func (k *Keeper) DestinationFailed(h *Half, errno syscall.Errno) {
	c := h.Connection
	if len(h.Passed) > 0 && !socket.Gone(errno) {
		k.Reports.Passing(c.Route.Listener, errno)
		c.Outcome.Note(report.DescriptorsLost)
	}
	c.Outcome.Note(report.ResetBy(!h.FromClient()))
	k.Discard(h)
	switch {
	case !socket.Gone(errno):
		k.Discard(h.Opposite())
	case h.Destination.TCP: // it has reset, or the kernel would wait for it
		k.NotForLong(h.Opposite())
	}
}

// Heard handles what the kernel says of a half's source, in the events of poll(2), beside
// that there is something to read: that it is broken, or has left.
func (k *Keeper) Heard(h *Half, events int16) {
	c := h.Connection
	hangup := events&unix.POLLHUP != 0
	switch {
	case c.Finished(), c.State == Greeting: // reading tells
	case c.State == Forwarding && (events&unix.POLLERR != 0 || hangup && h.Source.TCP && !h.Opposite().Done):
		k.broken(h)
	case c.State == Forwarding && hangup && !h.Source.TCP:
		k.peerGone(h)
	case c.State == Forwarding, !h.FromClient():
	case events&unix.POLLERR != 0:
		k.GiveUp(h)
	case k.hasLeft(c, events):
		k.clientLeft(c)
	case events&(unix.POLLRDHUP|unix.POLLHUP) != 0:
		k.Restless() // until it has had the time to hear what the target says
	}
}

// broken handles a source that is broken, and may not be read for want of room. What came
// of it before is still sent, as long as its destination takes any.
func (k *Keeper) broken(h *Half) {
	switch {
	case h.Reading.InFlight() && !h.Ended(): // that will tell
	case h.Ended(), h.Done:
		k.SourceReset(h)
		k.NotForLong(h)
	case h.Stands():
		k.GiveUp(h)
	default:
		k.NotForLong(h)
	}
}

// peerMayBeGone handles a UNIX source that has ended its stream: it may have closed
// altogether, and with bytes that it has not taken.
func (k *Keeper) peerMayBeGone(h *Half) {
	switch events := k.Sockets.Events(h.Source.FD, 0); {
	case events&unix.POLLERR != 0:
		k.SourceReset(h)
	case events&unix.POLLHUP != 0:
		k.peerGone(h)
	}
}

// peerGone handles the peer of a half's source that has closed a UNIX socket altogether:
// nothing can be delivered to it any more. What it has sent still is.
func (k *Keeper) peerGone(h *Half) {
	back := h.Opposite()
	back.forNobody = true
	if !back.Writing.Sends() { // else it may have been taken before: its completion tells
		k.EndForNobody(back)
	}
}

// EndForNobody ends a half whose destination has closed altogether, if it has. If the half
// holds something that was for it, it has broken off.
func (k *Keeper) EndForNobody(h *Half) {
	switch {
	case h.Done, !h.forNobody:
	case h.Held > 0 || len(h.Passed) > 0:
		k.SourceReset(h.Opposite())
	default:
		h.Connection.Outcome.Note(report.EndedBy(!h.FromClient()))
		k.Drop(h)
	}
}

// OutOfMemory resets the connection of a half, for want of memory to hold so many bytes of
// it.
func (k *Keeper) OutOfMemory(h *Half, bytes int, err error) {
	k.Reports.Memory(h.Connection.Route.Listener, bytes, err)
	h.Connection.Outcome.Note(report.OutOfMemory)
	k.discardBoth(h)
}

func (k *Keeper) discardBoth(h *Half) {
	k.Discard(h)
	k.Discard(h.Opposite())
}
