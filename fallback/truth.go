package fallback

import "uring-socket-proxyd/internal/connection"

// What the kernel says of a stream is not always so. docs/kernel-claims.md lists what this
// engine rests on; here it looks again where a claim is known to be false at times.

// sourceEnded handles a source of which the kernel has said that its stream is over.
func (w *worker) sourceEnded(h *half) { w.SourceEnded(&h.Half, false, h.from.broken) }

// PeerGone implements connection.Mover.
func (w *worker) PeerGone(of *connection.Half) {
	back := w.halfOf(of.Opposite())
	w.EndForNobody(&back.Half, !back.empty())
}

// NotForLong implements connection.Mover: what is held already, or is still to be read.
func (w *worker) NotForLong(of *connection.Half) {
	h := w.halfOf(of)
	if h.Done {
		return
	}
	c, generation, moved := h.transfer, h.Connection.Generation, h.Moved
	w.timers.start(connection.LookAfter, func() {
		switch {
		case c.Generation != generation, c.State != connection.Forwarding, h.Done:
		case h.Moved == moved && !h.empty():
			w.GiveUp(&h.Half)
		default:
			w.NotForLong(&h.Half)
		}
	})
}
