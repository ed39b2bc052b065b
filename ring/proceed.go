package ring

import (
	"fmt"
	"syscall"

	"uring-socket-proxyd/internal/connection"
)

// proceed takes a half's next step after anything has happened to it: send what
// is queued, keep reading while there is room, pass the end of the stream on.
func (w *worker) proceed(h *half) {
	switch {
	case h.Done:
	case h.Connection.Passing && !(h.Ended() && h.queue.empty()):
		w.stream(h)
	case !h.queue.empty():
		w.send(h)
		if h.Held >= w.Policy.Limits.BufferSize {
			w.stopReceiving(h)
			w.Restless()
		} else {
			w.receive(h)
		}
	case h.Pipe != nil, h.Way == connection.WaySplice && !h.Ended():
		w.stream(h)
	case h.Ended():
		w.end(h)
	default:
		w.receive(h)
	}
	w.Settle(h.Connection)
}

// end finishes a half that has delivered everything.
func (w *worker) end(h *half) {
	if w.EndHalf(&h.Half) {
		w.turnDeaf(h.transfer)
	}
}

// Proceed implements connection.Mover.
func (w *worker) Proceed(of *connection.Half) {
	h := w.halfOf(of)
	if h.Ended() {
		w.stopReceiving(h)
	}
	w.proceed(h)
}

// LetGo implements connection.Mover.
func (w *worker) LetGo(of *connection.Half) {
	h := w.halfOf(of)
	keep := 0
	if h.Writing.Sends() {
		keep = 1 // until its completion
	}
	for _, piece := range h.queue.all()[keep:] {
		w.pool.Release(piece)
	}
	h.queue.truncate(keep)
	if h.Held = 0; keep > 0 {
		h.Held = int(h.queue.first().Len)
	}
	w.DiscardPipe(of)
	w.stopReceiving(h)
	w.stopSending(h)
	if c := h.transfer; h.recvOp == opRecvClient && c.attempt != attemptNone {
		w.cancel(c.userData(opConnect))
	}
}

// AtRest implements connection.Mover. But for watches, LetGo has ended what is under way.
func (w *worker) AtRest(of *connection.Connection) bool {
	c := w.of(of)
	if c.inFlight > 0 {
		w.unwatch(c)
		return false
	}
	w.hearAgain(c)
	return true
}

// Close implements connection.Mover. It closes in order with the other operations of the
// batch, and completes only on an error.
func (w *worker) Close(fd int) {
	if w.closesAtOnce {
		w.sockets.Close(fd)
		return
	}
	w.closes++
	w.ring.CloseFD(fd, uint64(newUserData(opClose, 0, uint32(fd))))
}

// closeFirst sees to it that a target is not connected to before the sockets are closed
// that have made room at the limit. The kernel releases those that a batch closes only
// after the batch, but sends the batch's SYN at once.
func (w *worker) closeFirst() {
	if gate := w.Gate; w.closes > 0 && gate.Current()+w.closes > gate.Limit() {
		w.closes = 0
		if err := w.ring.Submit(); err != nil && w.fault == nil {
			w.fault = err
		}
	}
}

// closeFailed handles a close that has failed. As close(2) says, the descriptor is
// gone after those errors that the file may cause. EBADF is a descriptor that is not
// ours, or is closed twice: somebody else's would be next. After any other, the close
// has not run at all.
func (w *worker) closeFailed(fd int, errno syscall.Errno) {
	switch errno {
	case 0, syscall.EINTR, syscall.EIO, syscall.ENOSPC, syscall.EDQUOT:
	case syscall.EBADF:
		panic(fmt.Sprintf("ring: closing descriptor %d: %v", fd, errno))
	default:
		w.sockets.Close(fd)
	}
}

// cutOff resets connections that a fault of the ring has left, which is closed.
func (w *worker) cutOff() {
	for _, c := range w.transfers {
		if c.State == connection.Free {
			continue
		}
		for _, h := range []*half{&c.toTarget, &c.toClient} {
			w.DiscardPipe(&h.Half)
			w.ClosePassed(&h.Half)
		}
		for _, fd := range []int{c.Target.FD, c.Client.FD} {
			if fd != connection.NoFD {
				w.sockets.ResetOnClose(fd)
				w.sockets.Close(fd)
			}
		}
		w.CutOff(&c.Connection)
	}
}
