package fallback

import "uring-socket-proxyd/internal/connection"

// receivePassing receives bytes, and the descriptors that came with the first of them, and
// sends them on at once.
func (w *worker) receivePassing(h *half) bool {
	if h.Held > 0 || h.Closing {
		return false
	}
	n, received := w.ReceivePassing(&h.Half, w.block)
	if received == connection.Bytes {
		w.received(h, n)
	}
	h.from.readable = received != connection.Nothing
	return h.from.readable
}
