package ring

import (
	"syscall"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/ring/uring"
)

// send starts sending a half's first piece, if none is being sent.
func (w *worker) send(h *half) {
	if h.Writing.InFlight() || h.Done || h.queue.empty() {
		return
	}
	piece := h.queue.first()
	h.Writing, h.sendTick = connection.WritingSend, w.scarcity.tick
	h.transfer.inFlight++
	w.ring.Send(h.Destination.FD, w.pool.Addr(*piece), uint32(h.Piece(int(piece.Len))), uint64(h.transfer.userData(h.sendOp)))
}

// sent handles the completion of a half's send.
func (w *worker) sent(h *half, completion uring.Completion) {
	if h.Writing == connection.WritingPoll {
		w.writable(h, completion)
		return
	}
	unpins := h.Writing == connection.WritingUnpin
	h.Writing = connection.WritingNothing
	h.transfer.inFlight--
	n := max(completion.Result, 0)
	w.Sent(&h.Half, int(n))
	piece := h.queue.first()
	piece.Consume(uint32(n)) // what is left goes with the next send
	if piece.Len == 0 || h.Done {
		h.Held -= int(piece.Len)
		w.pool.Release(*piece)
		h.queue.pop()
	}
	switch errno := completion.Errno(); errno {
	case 0, syscall.EINTR:
	case syscall.ECANCELED: // by unpin, or by discard
	default:
		w.destinationFailed(h, errno)
	}
	if unpins {
		w.parkQueue(h, 0)
	}
	w.EndForNobody(&h.Half)
	w.proceed(h)
}

// destinationFailed handles a destination that takes nothing more.
func (w *worker) destinationFailed(h *half, errno syscall.Errno) {
	w.DestinationFailed(&h.Half, errno)
	if socket.Gone(errno) {
		w.turnDeaf(h.transfer)
	}
}

// stopSending cancels a send in flight.
func (w *worker) stopSending(h *half) {
	if h.Writing.InFlight() {
		w.cancel(h.transfer.userData(h.sendOp))
	}
}
