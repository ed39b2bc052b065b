package fallback

import (
	"time"

	"golang.org/x/sys/unix"

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
	if h.source.tcp && !back.done && back.short && w.sockets.Closed(h.source.fd) {
		w.sourceFailed(h)
		return
	}
	h.end()
	if h.source.broken && !back.done { // it has reset after its end
		h.connection.outcome.Note(forward.ResetBy(h.fromClient()))
		w.discard(back)
	}
	if !h.source.tcp {
		w.peerMayBeGone(h, w.sockets.Events(h.source.fd, 0))
	}
}

// peerMayBeGone handles the events of a UNIX source that has ended its stream: it may have
// closed altogether, and with bytes that it has not taken.
func (w *worker) peerMayBeGone(h *half, events int16) {
	switch {
	case events&unix.POLLERR != 0:
		h.connection.outcome.Note(forward.ResetBy(h.fromClient()))
		w.discard(h.opposite())
	case events&unix.POLLHUP != 0:
		w.peerGone(h)
	}
}

// peerGone handles the peer of a half's source that has closed altogether, as a UNIX socket
// tells: nothing can be delivered to it. What it has sent still is.
func (w *worker) peerGone(h *half) {
	back := h.opposite()
	switch {
	case back.done:
	case !back.empty() || len(back.passed) > 0:
		h.connection.outcome.Note(forward.ResetBy(h.fromClient()))
		w.discard(back)
	default:
		h.connection.outcome.Note(forward.EndedBy(h.fromClient()))
		w.drop(back)
	}
}

// sourceBroke handles a source that is known to be broken, whether it is being read or not.
func (w *worker) sourceBroke(h *half) {
	w.sourceFailed(h)
	w.proceed(h)
}

// stallPause is how long a destination may take nothing once the source of what it is to get
// is broken.
const stallPause = time.Second

// notForLong has a half whose source is broken go on only as long as its destination takes
// what came before: what is held already, or is still to be read.
func (w *worker) notForLong(h *half) {
	if h.done {
		return
	}
	c, generation, moved := h.connection, h.connection.generation, h.moved
	w.timers.start(stallPause, func() {
		switch {
		case c.generation != generation, c.state != stateForwarding, h.done:
		case h.moved == moved && !h.empty():
			c.outcome.Note(forward.ResetBy(h.fromClient()))
			w.abort(c)
		default:
			w.notForLong(h)
		}
	})
}
