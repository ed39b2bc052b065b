package fallback

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// proceed takes a half's next steps after anything has happened to it: send what
// is held, read while there is room, pass the end of the stream on.
func (w *worker) proceed(h *half) {
	w.budget = forward.Turn
	for w.budget > 0 {
		sent := w.send(h)
		received := w.receive(h)
		if !sent && !received {
			break
		}
	}
	switch {
	case h.done:
	case h.ended && h.empty():
		w.end(h)
	case h.source.readable && h.destination.writable && !h.closing:
		w.schedule(h) // has not come to a stop yet
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
		w.sockets.ShutdownWrite(h.destination.fd)
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
	if !h.source.tcp && !h.ended && !h.opposite().done && h.connection.state == stateForwarding {
		w.sockets.ShutdownRead(h.source.fd) // its peer is told, if it is on a UNIX socket
	}
	w.putBlock(h)
	w.closePassed(h)
	if h.pipe != nil {
		w.pipes.Discard(h.pipe)
		h.pipe, h.queued = nil, 0
	}
}

// settle closes a connection that has nothing left to do.
func (w *worker) settle(c *connection) {
	if c.state == stateFree || c.state == stateClosing || !c.finished() {
		return
	}
	if c.passing {
		w.closeSockets(c)
	} else {
		w.close(c.target.fd, c.broken)
		w.close(c.client.fd, c.broken)
	}
	if c.broken {
		w.counters.Broken.Add(1)
	}
	w.policy.Close(c.account, c.route, &c.dial, c.toTarget.moved, c.toClient.moved, c.outcome)
	c.account = nil
	w.stopwatch.Ended(&w.counters, c.began)
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

// close closes a descriptor, with a reset if the transfer is broken; epoll
// forgets it.
func (w *worker) close(fd int, reset bool) {
	if fd == noFD {
		return
	}
	if reset {
		w.sockets.ResetOnClose(fd)
	}
	unix.Close(fd)
}

// abort ends a connection in whatever state it is, with a reset.
func (w *worker) abort(c *connection) {
	w.discard(&c.toTarget)
	w.discard(&c.toClient)
	w.settle(c)
}
