package ring

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
)

// A receive into the pool would drop descriptors that are passed on. So where some may come,
// the ring tells of readiness only, as it does for a stream, and such halves take turns with
// those.

// pass is one turn of a half.
func (w *worker) pass(h *half) {
	for moved := 0; moved < w.TurnBytes; {
		switch {
		case h.Done, h.Writing.InFlight():
			return
		case !h.queue.empty():
			w.sendHeld(h)
		case h.Ended():
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
	n, receipt := w.ReceivePassing(&h.Half, w.passed)
	switch receipt {
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
		n, errno := w.SendPassing(&h.Half, bytes[sent:])
		switch errno {
		case 0:
			sent += n
			w.Sent(&h.Half, n)
		case unix.EINTR:
		case unix.EAGAIN:
			w.awaitRoom(h)
			return sent
		default:
			w.destinationFailed(h, errno)
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
	h.queue.push(block)
}

// sendHeld sends what is queued: one piece.
func (w *worker) sendHeld(h *half) {
	piece := h.queue.first()
	n := w.sendPassing(h, w.pool.Content(*piece))
	if h.Done {
		return // and the piece is released
	}
	piece.Consume(uint32(n))
	if piece.Len == 0 {
		w.pool.Release(*piece)
		h.queue.pop()
	}
}
