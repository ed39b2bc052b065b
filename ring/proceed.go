package ring

import (
	"fmt"
	"syscall"

	"uring-socket-proxyd/internal/forward"
)

// proceed takes a half's next step after anything has happened to it: send what
// is queued, keep reading while there is room, pass the end of the stream on.
func (w *worker) proceed(h *half) {
	switch {
	case h.done:
	case h.connection.passing && !(h.ended && h.queue.empty()):
		w.stream(h)
	case !h.queue.empty():
		w.send(h)
		if h.queued >= w.policy.Limits.BufferSize {
			w.stopReceiving(h)
			w.restless = true
		} else {
			w.receive(h)
		}
	case h.pipe != nil, h.splicing && !h.ended:
		w.stream(h)
	case h.ended:
		w.end(h)
	default:
		w.receive(h)
	}
	w.settle(h.connection)
}

// end finishes a half that has delivered everything: its destination learns of
// the end, or of the failure, of its source.
func (w *worker) end(h *half) {
	h.done = true
	switch {
	case h.failed:
		h.connection.broken = true
	case h.opposite().done:
		// Closing the descriptor says the same.
	default:
		w.sockets.ShutdownWrite(h.destination())
		w.turnDeaf(h.connection)
		w.halfOpen(h.connection)
	}
}

// discard finishes a half whose bytes can no longer be delivered.
func (w *worker) discard(h *half) {
	if !h.done {
		h.connection.broken = true
		w.drop(h)
	}
}

// drop finishes a half that delivers nothing more, and is not missed.
func (w *worker) drop(h *half) {
	h.done = true
	if !h.sourceIP && !h.ended && !h.opposite().done && h.connection.state == stateForwarding {
		w.sockets.ShutdownRead(h.source()) // its peer is told, if it is on a UNIX socket
	}
	keep := 0
	if h.sending && !h.blocked {
		keep = 1 // until its completion
	}
	for _, piece := range h.queue.all()[keep:] {
		w.pool.Release(piece)
	}
	h.queue.truncate(keep)
	w.discardPipe(h)
	w.closePassed(h)
	w.stopReceiving(h)
	w.stopSending(h)
}

// settle closes a connection that has nothing left to do and nothing in flight.
func (w *worker) settle(c *connection) {
	if c.state == stateFree || c.state == stateClosing || !c.finished() {
		return
	}
	if c.inFlight > 0 {
		w.unwatch(c)
		return
	}
	if c.passing {
		w.closeSockets(c)
	} else {
		w.close(c.target, c.broken)
		w.close(c.client, c.broken)
	}
	if c.broken {
		w.counters.Broken.Add(1)
	}
	w.closeAccount(c)
	w.stopwatch.Ended(&w.counters, c.began)
	w.hearAgain(c)
	w.wheel.Cancel(&c.alarm)
	c.place.Leave()
	w.forgetPrologue(c)
	c.dial = forward.Dial{}
	if c.closings > 0 && w.mode != modeStopping {
		c.state = stateClosing
		return
	}
	w.vacate(c)
}

// vacate gives the slot of a closed connection back, and its place.
func (w *worker) vacate(c *connection) {
	c.state = stateFree
	w.connections.Free(c.slot)
	w.counters.Ended.Add(1)
	w.crew.Leave(w.index, c.halfOpen)
}

// closeAccount logs a connection that ends, if connections are logged.
func (w *worker) closeAccount(c *connection) {
	w.policy.Close(c.account, c.route, &c.dial, c.toTarget.moved, c.toClient.moved, c.outcome)
	c.account = nil
}

// close closes a descriptor, with a reset if the transfer is broken. It closes
// in order with the other operations of the batch and completes only on an
// error.
func (w *worker) close(fd int, reset bool) {
	if fd == noFD {
		return
	}
	if reset {
		w.sockets.ResetOnClose(fd)
	}
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
	if gate := w.policy.Gate; w.closes > 0 && gate.Current()+w.closes > gate.Limit() {
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
	for _, c := range w.connections.All() {
		if c.state == stateFree {
			continue
		}
		c.stop()
		w.closeAccount(c)
		closing := c.state == stateClosing
		c.state = stateFree
		w.discardPipe(&c.toTarget)
		w.discardPipe(&c.toClient)
		w.closePassed(&c.toTarget)
		w.closePassed(&c.toClient)
		if !closing {
			w.counters.Broken.Add(1)
			w.stopwatch.Ended(&w.counters, c.began)
		}
		for _, fd := range []int{c.target, c.client} {
			if fd != noFD {
				w.sockets.ResetOnClose(fd)
				w.sockets.Close(fd)
			}
		}
		w.counters.Ended.Add(1)
		w.crew.Leave(w.index, c.halfOpen)
	}
}

// abort ends a connection in whatever state it is, with a reset.
func (w *worker) abort(c *connection) {
	if c.state == stateConnecting {
		c.place.Leave() // it may not be settled at once
		w.cancel(c.userData(opConnect))
	}
	w.discard(&c.toTarget)
	w.discard(&c.toClient)
	w.settle(c)
}
