package ring

import (
	"syscall"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/ring/uring"
)

// receive starts or resumes reading from a half's source, if there is room, and no
// older bytes in a pipe that it would overtake. A multishot recv is for TCP alone, and
// looked after there: see truth.go.
func (w *worker) receive(h *half) {
	if h.reading != readingNothing || h.way == waySplice || h.pipe != nil || h.Ended || h.Done || h.queued > w.lowWater {
		return
	}
	h.reading = readingRecv
	h.watched.fresh, w.lookout.restless = true, true
	h.transfer.inFlight++
	data := uint64(h.transfer.userData(h.recvOp))
	room := uint32(w.Policy.Limits.BufferSize - h.queued)
	switch {
	case !w.recvMultishot, h.way == wayPieces, !h.Source.TCP:
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
	if h.reading.polls() {
		w.readable(h, completion)
		return
	}
	if !completion.More() {
		h.reading = readingNothing
		h.transfer.inFlight--
	}
	h.Connection.Silence.Active = w.Now
	h.watched.fresh, w.lookout.restless = true, true
	w.judge(h, completion.Result)
	if id, ok := completion.Buffer(); ok {
		w.enqueue(h, w.pool.Take(id, uint32(max(completion.Result, 0)), completion.BufferMore()))
	}
	switch errno := completion.Errno(); errno {
	case 0:
		if completion.Result == 0 {
			w.sourceEnded(h)
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

// tuning is where a half changes its ways. Tests make all of it small.
type tuning struct {
	bulkSize      int32  // a piece of that many bytes is large
	messageSize   int32  // one of at most that many is a message
	messagesAfter uint32 // small pieces in a row that make a half take the next for messages too
	smallSplice   int    // a splice of at most that many bytes is small
	turn          int    // bytes that a stream may move before others get their turn
	maxPieces     int    // pieces that a half queues before it copies further ones together
}

var defaultTuning = tuning{
	bulkSize:      32 << 10,
	messageSize:   4 << 10,
	messagesAfter: 32,
	smallSplice:   4 << 10,
	turn:          forward.Turn,
	maxPieces:     64, // so that a half's memory is bounded by bytes, however small they come
}

// judge decides by the size of a received piece how a half goes on.
func (w *worker) judge(h *half, size int32) {
	if size <= 0 {
		return
	}
	w.judgeStream(h, size)
	if !w.recvLimit && h.way != waySplice {
		w.judgeMessages(h, size)
	}
}

// judgeStream makes a half a stream when its pieces are large.
func (w *worker) judgeStream(h *half, size int32) {
	switch {
	case size < w.bulkSize:
		h.large = 0
	case w.splices && !h.noSplice:
		if h.large++; h.large >= streamAfter && h.way != waySplice {
			h.way = waySplice
			w.stopReceiving(h)
		}
	}
}

// firstWay is how a half begins, and goes on after it was a stream.
func (w *worker) firstWay() way {
	if w.recvLimit {
		return wayMessages
	}
	return wayPieces
}

// judgeMessages decides whether a half may receive by a multishot recv where the
// kernel cannot bound that (before 6.17): there one of a fast source takes far more
// than the half may hold before it can be cancelled. So a half begins by receiving
// piece by piece, each bounded; messagesAfter small ones in a row make it use a
// multishot recv, and a large one undoes that.
func (w *worker) judgeMessages(h *half, size int32) {
	switch {
	case size >= w.bulkSize:
		h.messages = 0
		if h.way != wayPieces {
			h.way = wayPieces
			w.stopReceiving(h)
		}
	case size > w.messageSize:
		h.messages = 0
	default:
		if h.messages++; h.messages == w.messagesAfter {
			h.messages, h.way = 0, wayMessages
		}
	}
}

// enqueue gives a half a received piece to send.
func (w *worker) enqueue(h *half, piece bufpool.Piece) {
	if h.Done || piece.Len == 0 {
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
	case h.queue.len() >= w.maxPieces:
		// Many small pieces that do not adjoin: gather them.
		_ = w.park(h, piece) // without memory, it stays as it is
		return
	}
	h.queue.push(piece)
}

// stopReceiving cancels a recv in flight. It goes on until its last completion.
func (w *worker) stopReceiving(h *half) {
	switch h.reading {
	case readingRecv:
		h.reading = readingRecvStops
	case readingPoll:
		h.reading = readingPollStops
	default:
		return
	}
	w.cancel(h.transfer.userData(h.recvOp))
}
