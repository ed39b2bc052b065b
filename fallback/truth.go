package fallback

import (
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/forward"
)

// What the kernel says of a stream is not always so. docs/kernel-claims.md lists what this
// engine rests on; here it looks again where a claim is known to be false at times.

// sourceEnded handles a source of which the kernel has said that its stream is over.
//
// It also says so of a TCP connection that was reset if a splice to it has taken the error,
// having moved some first.
func (w *worker) sourceEnded(h *half) {
	back := h.opposite()
	if h.Source.TCP && !back.Done && back.Short && w.sockets.Closed(h.Source.FD) {
		w.SourceFailed(&h.Half)
		return
	}
	h.End()
	if h.from.broken && !back.Done { // it has reset after its end
		h.Connection.Outcome.Note(forward.ResetBy(h.FromClient()))
		w.Discard(&back.Half)
	}
	if !h.Source.TCP {
		w.peerMayBeGone(h, w.sockets.Events(h.Source.FD, 0))
	}
}

// peerMayBeGone handles the events of a UNIX source that has ended its stream: it may have
// closed altogether, and with bytes that it has not taken.
func (w *worker) peerMayBeGone(h *half, events int16) {
	switch {
	case events&unix.POLLERR != 0:
		h.Connection.Outcome.Note(forward.ResetBy(h.FromClient()))
		w.Discard(h.Opposite())
	case events&unix.POLLHUP != 0:
		w.peerGone(h)
	}
}

// peerGone handles the peer of a half's source that has closed altogether, as a UNIX socket
// tells: nothing can be delivered to it. What it has sent still is.
func (w *worker) peerGone(h *half) {
	back := h.opposite()
	switch {
	case back.Done:
	case !back.empty() || len(back.Passed) > 0:
		h.Connection.Outcome.Note(forward.ResetBy(h.FromClient()))
		w.Discard(&back.Half)
	default:
		h.Connection.Outcome.Note(forward.EndedBy(h.FromClient()))
		w.Keeper.Drop(&back.Half)
	}
}

// SourceBroke implements connection.Mover.
func (w *worker) SourceBroke(of *connection.Half) {
	h := w.halfOf(of)
	w.SourceFailed(&h.Half)
	w.proceed(h)
}

// stallPause is how long a destination may take nothing once the source of what it is to get
// is broken.
const stallPause = time.Second

// NotForLong implements connection.Mover: what is held already, or is still to be read.
func (w *worker) NotForLong(of *connection.Half) {
	h := w.halfOf(of)
	if h.Done {
		return
	}
	c, generation, moved := h.transfer, h.Connection.Generation, h.Moved
	w.timers.start(stallPause, func() {
		switch {
		case c.Generation != generation, c.State != connection.Forwarding, h.Done:
		case h.Moved == moved && !h.empty():
			c.Outcome.Note(forward.ResetBy(h.FromClient()))
			w.Abort(&c.Connection)
		default:
			w.NotForLong(&h.Half)
		}
	})
}
