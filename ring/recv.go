package ring

import (
	"syscall"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/ring/uring"
)

// receive starts or resumes reading from a half's source, if there is room, and no
// older bytes in a pipe that it would overtake. A multishot recv is for TCP alone, and
// looked after there: see truth.go.
func (w *worker) receive(h *half) {
	if h.Reading != connection.ReadingNothing || h.Way == connection.WaySplice || h.Pipe != nil || h.Ended() || h.Done || h.Held > w.lowWater {
		return
	}
	h.Reading = connection.ReadingRecv
	h.watched.fresh = true
	w.Restless()
	h.transfer.inFlight++
	data := uint64(h.transfer.userData(h.recvOp))
	room := uint32(w.Policy.Limits.BufferSize - h.Held)
	switch {
	case !w.recvMultishot, h.Way == connection.WayPieces, !h.Source.TCP:
		w.ring.Recv(h.Source.FD, bufpool.Group, room, data)
	case w.recvLimit:
		w.ring.RecvMultishot(h.Source.FD, bufpool.Group, room, data)
	default:
		w.ring.RecvMultishot(h.Source.FD, bufpool.Group, 0, data)
	}
}

// received handles a completion of a half's recv: a piece, the end of the
// stream, or a reason to stop reading.
func (w *worker) received(h *half, completion uring.Completion) {
	if h.Reading.Polls() {
		w.readable(h, completion)
		return
	}
	if !completion.More() {
		h.Reading = connection.ReadingNothing
		h.transfer.inFlight--
	}
	h.Connection.Silence.Active = w.Now
	h.watched.fresh = true
	w.Restless()
	w.judge(h, completion.Result)
	if id, ok := completion.Buffer(); ok {
		w.enqueue(h, w.pool.Take(id, uint32(max(completion.Result, 0))))
	}
	switch errno := completion.Errno(); errno {
	case 0:
		if completion.Result == 0 {
			w.SourceEnded(&h.Half)
		}
	case syscall.ENOBUFS:
		w.starve(h)
	case syscall.ECANCELED, syscall.EINTR:
		// Stopped by us, or by a signal: resumes when there is room.
	default:
		w.SourceFailed(&h.Half)
	}
	w.proceed(h)
}

// sizes are by what sizes of pieces a half changes its ways, beside connection.Tuning. Tests
// make all of it small.
type sizes struct {
	bulk      int32 // a piece of that many bytes is large
	message   int32 // one of at most that many is a message
	maxPieces int   // pieces that a half queues before it copies further ones together
}

var usualSizes = sizes{
	bulk:      32 << 10,
	message:   4 << 10,
	maxPieces: 64, // so that a half's memory is bounded by bytes, however small they come
}

// judge decides by the size of a received piece how a half goes on.
func (w *worker) judge(h *half, size int32) {
	if size <= 0 {
		return
	}
	w.judgeStream(h, size)
	if !w.recvLimit && h.Way != connection.WaySplice {
		w.judgeMessages(h, size)
	}
}

// judgeStream makes a half a stream when its pieces are large.
func (w *worker) judgeStream(h *half, size int32) {
	if h.Streams(size >= w.sizes.bulk) && w.splices {
		h.Way = connection.WaySplice
		w.stopReceiving(h)
	}
}

// firstWay is how a half begins, and goes on after it was a stream.
func firstWay(recvLimit bool) connection.Way {
	if recvLimit {
		return connection.WayMessages
	}
	return connection.WayPieces
}

// judgeMessages decides whether a half may receive by a multishot recv where the
// kernel cannot bound that (before 6.17): there one of a fast source takes far more
// than the half may hold before it can be cancelled. So a half begins by receiving
// piece by piece, each bounded; messagesAfter small ones in a row make it use a
// multishot recv, and a large one undoes that.
func (w *worker) judgeMessages(h *half, size int32) {
	switch {
	case size >= w.sizes.bulk:
		h.messages = 0
		if h.Way != connection.WayPieces {
			h.Way = connection.WayPieces
			w.stopReceiving(h)
		}
	case size > w.sizes.message:
		h.messages = 0
	default:
		if h.messages++; h.messages == w.MessagesAfter {
			h.messages, h.Way = 0, connection.WayMessages
		}
	}
}

// enqueue gives a half a received piece to send.
func (w *worker) enqueue(h *half, piece bufpool.Piece) {
	if h.Done || piece.Len == 0 {
		w.pool.Release(piece)
		return
	}
	h.Held += int(piece.Len)
	// This may lengthen a piece in flight: its send takes what it was given,
	// and the rest goes with the next.
	switch {
	case h.queue.empty():
	case w.pool.Append(h.queue.last(), &piece):
		return
	case h.queue.len() >= w.sizes.maxPieces:
		// Many small pieces that do not adjoin: gather them.
		_ = w.park(h, piece) // without memory, it stays as it is
		return
	}
	h.queue.push(piece)
}

// stopReceiving cancels a recv in flight. It goes on until its last completion.
func (w *worker) stopReceiving(h *half) {
	switch h.Reading {
	case connection.ReadingRecv:
		h.Reading = connection.ReadingRecvStops
	case connection.ReadingPoll:
		h.Reading = connection.ReadingPollStops
	default:
		return
	}
	w.cancel(h.transfer.userData(h.recvOp))
}
