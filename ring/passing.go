package ring

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
)

// What connection/passing.go says of descriptors that are passed on, this engine does here.
// A receive into the pool would drop them, so the ring tells of readiness only, as it does
// for a stream, and such halves take turns with those.

// pass is one turn of a half.
func (w *worker) pass(h *half) {
	for moved := 0; moved < w.turn; {
		switch {
		case h.Done, h.writing.inFlight():
			return
		case !h.queue.empty():
			w.sendHeld(h)
		case h.Ended:
			w.proceed(h)
			return
		case h.Closing: // closedApart goes on
			return
		default:
			n, more := w.receivePassing(h)
			if !more {
				return
			}
			moved += n
		}
	}
	w.stream(h)
}

// receivePassing receives bytes, and the descriptors that came with the first of them, and
// sends them on at once. It returns how many bytes, and whether there may be more at once;
// if not, it has seen to what comes next.
func (w *worker) receivePassing(h *half) (n int, more bool) {
	if w.passed == nil {
		w.passed = make([]byte, min(bufpool.BlockSize, w.Policy.Limits.BufferSize))
	}
	n, passed, err := w.sockets.Receive(h.Source.FD, w.passed)
	switch w.ReceivedPassing(&h.Half, n, passed, err) {
	case connection.Nothing:
		w.await(h)
		return 0, false
	case connection.Again, connection.Over:
		return 0, true
	}
	w.hold(h, w.passed[:n][w.sendPassing(h, w.passed[:n]):])
	return n, true
}

// sendPassing sends bytes, and with the first of them the descriptors that are held. It
// returns how many have gone; if not all, it waits for room, or the half is over.
func (w *worker) sendPassing(h *half, bytes []byte) (sent int) {
	for sent < len(bytes) {
		n, err := w.sockets.SendWith(h.Destination.FD, bytes[sent:], h.Passed)
		switch err {
		case nil:
			sent += n
			w.Count(&h.Half, int(n))
			w.PassedOn(&h.Half)
		case unix.EINTR:
		case unix.EAGAIN:
			w.awaitRoom(h)
			return sent
		default:
			w.destinationFailed(h, err.(syscall.Errno))
			return sent
		}
	}
	return sent
}

// hold queues what could not be sent.
func (w *worker) hold(h *half, bytes []byte) {
	if len(bytes) == 0 || h.Done {
		return
	}
	block, err := w.pool.Block()
	if err != nil {
		w.OutOfMemory(&h.Half, len(bytes), err)
		return
	}
	w.pool.Extend(&block, copy(w.pool.Room(block), bytes))
	h.queued += len(bytes)
	h.queue.push(block)
}

// sendHeld sends what is queued: one piece.
func (w *worker) sendHeld(h *half) {
	piece := h.queue.first()
	n := w.sendPassing(h, w.pool.Content(*piece))
	if h.Done {
		return // and the piece is released
	}
	h.queued -= n
	piece.Consume(uint32(n))
	if piece.Len == 0 {
		w.pool.Release(*piece)
		h.queue.pop()
	}
}
