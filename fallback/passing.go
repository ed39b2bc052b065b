package fallback

import "uring-socket-proxyd/internal/connection"

// receivePassing receives bytes, and the descriptors that came with the first of them, and
// sends them on at once.
func (w *worker) receivePassing(h *half) bool {
	if h.Held > 0 || h.Closing {
		return false
	}
	n, receipt := w.ReceivePassing(&h.Half, w.block)
	if receipt == connection.Bytes {
		w.budget -= n
		w.sendCopying(h, w.block[:n])
	}
	h.from.readable = receipt != connection.Nothing
	return h.from.readable
}
