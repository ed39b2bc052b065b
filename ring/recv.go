package ring

import (
	"syscall"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/ring/uring"
)

// receive starts or resumes reading from a half's source, if there is room.
func (w *worker) receive(h *half) {
	if h.receiving || h.splicing || h.starved || h.ended || h.done || h.queued > w.lowWater {
		return
	}
	h.receiving, h.stopping = true, false
	h.connection.inFlight++
	data := uint64(h.connection.userData(h.recvOp))
	room := uint32(w.policy.Limits.BufferSize - h.queued)
	switch {
	case !w.recvMultishot, h.bulk:
		w.ring.Recv(h.source(), bufpool.Group, room, data)
	case w.recvLimit:
		w.ring.RecvMultishot(h.source(), bufpool.Group, room, data)
	default:
		w.ring.RecvMultishot(h.source(), bufpool.Group, 0, data)
	}
}

// received handles a completion of a half's recv: a piece, the end of the
// stream, or a reason to stop reading.
func (w *worker) received(h *half, completion uring.Completion) {
	if h.awaiting {
		w.readable(h, completion)
		return
	}
	if !completion.More() {
		h.receiving = false
		h.connection.inFlight--
	}
	w.judge(h, completion.Result)
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

// Where the kernel cannot bound a multishot recv (before 6.17), one of a fast
// source takes far more than the half may hold before it can be cancelled. There,
// a half begins by receiving piece by piece, each bounded; messagesAfter pieces in
// a row of at most messageSize bytes make it use a multishot recv, and a piece of
// worker.bulkSize undoes that.
const (
	defaultBulkSize = 32 << 10
	messageSize     = 4 << 10
	messagesAfter   = 32
)

// judge decides by the size of a received piece how a half goes on.
func (w *worker) judge(h *half, size int32) {
	switch {
	case size < w.bulkSize:
		h.large = 0
	case w.splices && !h.noSplice:
		if h.large++; h.large >= streamAfter && !h.splicing {
			h.splicing, h.messages = true, 0
			w.stopReceiving(h)
		}
	}
	switch {
	case w.recvLimit || size <= 0:
	case size >= w.bulkSize:
		h.messages = 0
		if !h.bulk {
			h.bulk = true
			w.stopReceiving(h)
		}
	case size > messageSize:
		h.messages = 0
	default:
		if h.messages++; h.messages == messagesAfter {
			h.messages, h.bulk = 0, false
		}
	}
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
	switch {
	case h.queue.empty():
	case w.pool.Merge(h.queue.last(), piece), w.pool.Append(h.queue.last(), &piece):
		return
	case h.queue.len() >= maxPieces:
		// Many small pieces that do not adjoin: gather them.
		_ = w.park(h, piece) // without memory, it stays as it is
		return
	}
	h.queue.push(piece)
}

// maxPieces is how many pieces a half queues before it copies further ones
// together, so that its memory is bounded by bytes, however small they come.
const maxPieces = 64

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
