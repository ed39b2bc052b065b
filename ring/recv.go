package ring

import (
	"syscall"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/ring/uring"
)

// receive starts or resumes reading from a half's source, if there is room.
func (w *worker) receive(h *half) {
	if h.receiving || h.starved || h.ended || h.done || h.queued > w.lowWater {
		return
	}
	limit := 0
	if w.recvLimit {
		limit = w.policy.Limits.BufferSize - h.queued
	}
	h.receiving, h.stopping = true, false
	h.connection.inFlight++
	w.ring.RecvMultishot(h.source(), bufpool.Group, uint32(limit), uint64(h.connection.userData(h.recvOp)))
}

// received handles a completion of a half's recv: a piece, the end of the
// stream, or a reason to stop reading.
func (w *worker) received(h *half, completion uring.Completion) {
	if !completion.More() {
		h.receiving = false
		h.connection.inFlight--
	}
	if id, ok := completion.Buffer(); ok {
		w.enqueue(h, w.pool.Take(id, uint32(max(completion.Result, 0)), completion.BufferMore()))
	}
	switch errno := completion.Errno(); errno {
	case 0:
		h.ended = completion.Result == 0
	case syscall.ENOBUFS:
		w.starve(h)
	case syscall.ECANCELED, syscall.EINTR:
		// Stopped by us, or by a signal: resumes when there is room.
	default:
		w.sourceFailed(h)
	}
	w.proceed(h)
}

// enqueue gives a half a received piece to send.
func (w *worker) enqueue(h *half, piece bufpool.Piece) {
	if h.done || piece.Len == 0 {
		w.pool.Release(piece)
		return
	}
	h.queued += int(piece.Len)
	// This may lengthen a piece in flight: its send takes what it was given,
	// and the rest goes with the next.
	if !h.queue.empty() && w.pool.Merge(h.queue.last(), piece) {
		return
	}
	h.queue.push(piece)
}

// sourceFailed handles a source that broke. What came before is still sent,
// then the destination is reset; nothing more can be sent to the source.
func (w *worker) sourceFailed(h *half) {
	h.ended, h.failed = true, true
	w.discard(h.opposite())
}

// stopReceiving cancels a recv in flight. It goes on until its last completion.
func (w *worker) stopReceiving(h *half) {
	if h.receiving && !h.stopping {
		h.stopping = true
		w.cancel(h.connection.userData(h.recvOp))
	}
}
