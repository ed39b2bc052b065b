package connection

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/socket"
)

// What becomes of a connection one of whose sides has broken, or is gone.

// LookAfter is how long, about, what a leaving side has left behind may stand: bytes of a
// source that is broken, of which the destination takes none, and a client that waits for its
// target and has ended its stream.
const LookAfter = time.Second

// SourceFailed handles a source that broke. What came before is still sent, as long as the
// destination takes any, then that is reset; nothing more can be sent to the source.
func (k *Keeper) SourceFailed(h *Half) {
	h.Ended, h.Failed = true, true
	k.mover.NotForLong(h)
	k.SourceReset(h)
}

// sourceBroke handles a source that is known to be broken, whether it is being read or not.
func (k *Keeper) sourceBroke(h *Half) {
	k.SourceFailed(h)
	k.mover.Proceed(h)
}

// SourceEnded handles a source of which the kernel has said that its stream is over. reset
// tells that it is known to have reset since.
//
// The kernel also says so of a TCP connection that was reset if a send to it has taken the
// error: one in flight, which may not have told yet, or a splice that has moved some first.
func (k *Keeper) SourceEnded(h *Half, sending, reset bool) {
	back := h.Opposite()
	if h.Source.TCP && !back.Done && (sending || back.Short) && k.Sockets.Closed(h.Source.FD) {
		k.SourceFailed(h)
		return
	}
	h.End()
	if reset && !back.Done {
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
		k.mover.NotForLong(h.Opposite())
	}
}

// peerMayBeGone handles a UNIX source that has ended its stream: it may have closed
// altogether, and with bytes that it has not taken.
func (k *Keeper) peerMayBeGone(h *Half) {
	switch events := k.Sockets.Events(h.Source.FD, 0); {
	case events&unix.POLLERR != 0:
		k.SourceReset(h)
	case events&unix.POLLHUP != 0:
		k.mover.PeerGone(h)
	}
}

// EndForNobody ends a half whose destination, a UNIX socket, has closed altogether. If it
// holds something that was for it, it has broken off.
func (k *Keeper) EndForNobody(h *Half, holds bool) {
	switch {
	case h.Done:
	case holds || len(h.Passed) > 0:
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
