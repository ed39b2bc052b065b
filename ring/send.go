package ring

import (
	"syscall"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/ring/uring"
)

// send starts sending a half's first piece, if none is being sent.
func (w *worker) send(h *half) {
	if h.sending || h.done || h.queue.empty() {
		return
	}
	piece := h.queue.first()
	h.sending, h.sendTick = true, w.tick
	h.connection.inFlight++
	w.ring.Send(h.destination(), w.pool.Addr(*piece), uint32(h.piece(int(piece.Len))), uint64(h.connection.userData(h.sendOp)))
}

// sent handles the completion of a half's send.
func (w *worker) sent(h *half, completion uring.Completion) {
	if h.blocked {
		w.writable(h, completion)
		return
	}
	h.sending = false
	h.connection.inFlight--
	n := max(completion.Result, 0)
	h.queued -= int(n)
	w.countBytes(h, uint64(n))
	piece := h.queue.first()
	piece.Consume(uint32(n)) // what is left goes with the next send
	if piece.Len == 0 || h.done {
		w.pool.Release(*piece)
		h.queue.pop()
	}
	switch errno := completion.Errno(); errno {
	case 0, syscall.EINTR:
	case syscall.ECANCELED: // by unpin, or by discard
	default:
		w.destinationFailed(h, errno)
	}
	if h.unpinning {
		h.unpinning = false
		w.parkQueue(h, 0)
	}
	if h.forNobody {
		w.endForNobody(h)
	}
	w.proceed(h)
}

// destinationFailed handles a destination that takes nothing more.
func (w *worker) destinationFailed(h *half, errno syscall.Errno) {
	if len(h.passed) > 0 && !forward.Gone(errno) {
		w.policy.ReportPassing(h.connection.route.Listener, errno)
		h.connection.outcome.Note(forward.DescriptorsLost)
	}
	h.connection.outcome.Note(forward.ResetBy(!h.fromClient()))
	w.discard(h)
	if !forward.Gone(errno) {
		w.discard(h.opposite())
		return
	}
	if h.opposite().sourceIP { // it has reset, or the kernel would wait for it
		w.notForLong(h.opposite())
	}
	w.turnDeaf(h.connection)
}

// stopSending cancels a send in flight.
func (w *worker) stopSending(h *half) {
	if h.sending {
		w.cancel(h.connection.userData(h.sendOp))
	}
}

func (w *worker) countBytes(h *half, n uint64) {
	h.connection.silence.Active = w.now
	h.moved += n
	if h.sendOp == opSendTarget {
		w.counters.BytesToTarget.Add(n)
		if h.connection.halfOpen.Dormant() {
			w.policy.Gate.Stir()
		}
	} else {
		w.counters.BytesToClient.Add(n)
	}
}
