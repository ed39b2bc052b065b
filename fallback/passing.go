package fallback

import (
	"syscall"

	"uring-socket-proxyd/internal/connection"
)

// What connection/passing.go says of descriptors that are passed on, this engine does here.

// receivePassing reads bytes, and the descriptors that came with the first of them, into
// the worker's block and sends them on at once.
func (w *worker) receivePassing(h *half) bool {
	if !h.empty() || h.Closing {
		return false
	}
	n, passed, err := w.sockets.Receive(h.Source.FD, w.block)
	switch w.ReceivedPassing(&h.Half, n, passed, err) {
	case connection.Nothing:
		h.from.readable = false
		return false
	case connection.Again, connection.Over:
		return true
	}
	w.budget -= n
	w.sendCopying(h, w.block[:n])
	return true
}

// sendPassing sends bytes, and with the first of them the descriptors that are held.
func (w *worker) sendPassing(h *half, bytes []byte) (int, syscall.Errno) {
	n, err := w.sockets.SendWith(h.Destination.FD, bytes, h.Passed)
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	w.PassedOn(&h.Half)
	return n, 0
}
