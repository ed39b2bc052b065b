package ring

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/forward"
)

// What forward/passing.go says of descriptors that are passed on, this engine does here.
// A receive into the pool would drop them, so the ring tells of readiness only, as it does
// for a stream, and such halves take turns with those.

// pass is one turn of a half.
func (w *worker) pass(h *half) {
	for moved := 0; moved < w.turn; {
		switch {
		case h.done, h.sending:
			return
		case !h.queue.empty():
			w.sendHeld(h)
		case h.ended:
			w.proceed(h)
			return
		case h.closing: // closedApart goes on
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
		w.passed = make([]byte, min(bufpool.BlockSize, w.policy.Limits.BufferSize))
	}
	n, passed, err := w.sockets.Receive(h.source(), w.passed)
	h.passed = passed
	if err == nil {
		err = w.policy.SparePassed(passed)
	}
	switch errno, ofSocket := err.(syscall.Errno); {
	case errno == unix.EAGAIN:
		w.await(h)
		return 0, false
	case errno == unix.EINTR:
		return 0, true
	case ofSocket:
		w.sourceFailed(h)
		return 0, true
	case err != nil:
		w.refusePassed(h, err)
		return 0, false
	case n == 0:
		h.end()
		return 0, true
	}
	h.connection.silence.Active = w.now
	w.hold(h, w.passed[:n][w.sendPassing(h, w.passed[:n]):])
	return n, true
}

// sendPassing sends bytes, and with the first of them the descriptors that are held. It
// returns how many have gone; if not all, it waits for room, or the half is over.
func (w *worker) sendPassing(h *half, bytes []byte) (sent int) {
	for sent < len(bytes) {
		n, err := w.sockets.SendWith(h.destination(), bytes[sent:], h.passed)
		switch err {
		case nil:
			sent += n
			w.countBytes(h, uint64(n))
			w.counters.Passed.Add(uint64(len(h.passed)))
			w.closePassed(h)
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
	if len(bytes) == 0 || h.done {
		return
	}
	block, err := w.pool.Block()
	if err != nil {
		w.policy.Log.Error("no memory to hold what a slow peer has not taken, resetting the connection",
			"bytes", len(bytes), "error", err)
		h.connection.outcome.Note(forward.OutOfMemory)
		w.discard(h)
		w.discard(h.opposite())
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
	if h.done {
		return // and the piece is released
	}
	h.queued -= n
	piece.Consume(uint32(n))
	if piece.Len == 0 {
		w.pool.Release(*piece)
		h.queue.pop()
	}
}

// refusePassed resets a connection some of whose descriptors cannot be passed on.
func (w *worker) refusePassed(h *half, err error) {
	w.policy.ReportPassing(h.connection.route.Listener, err)
	h.connection.outcome.Note(forward.DescriptorsLost)
	w.discard(h)
	w.discard(h.opposite())
}

// closePassed closes the descriptors that a half holds. Until that is done it receives
// nothing.
func (w *worker) closePassed(h *half) {
	if len(h.passed) > 0 {
		h.closing = true
		w.closeApart(h.connection, h, h.passed)
		h.passed = nil
	}
}

// closeSockets closes those of a connection that passes descriptors on.
func (w *worker) closeSockets(c *connection) {
	var fds []int
	for _, fd := range []*int{&c.client, &c.target} {
		if *fd != noFD {
			if c.broken {
				w.sockets.ResetOnClose(*fd)
			}
			fds = append(fds, *fd)
			*fd = noFD
		}
	}
	w.closeApart(c, nil, fds)
}

// closeApart has another thread close descriptors of a connection: of a half, or its
// sockets.
func (w *worker) closeApart(c *connection, h *half, fds []int) {
	c.closings++
	generation := c.generation
	w.sockets.CloseApart(fds, func() {
		w.inbox.Post(func() {
			if c.generation == generation {
				w.closedApart(c, h)
			}
		})
	})
}

// closedApart goes on with a connection after that.
func (w *worker) closedApart(c *connection, h *half) {
	c.closings--
	if h != nil {
		h.closing = false
	}
	switch {
	case c.state == stateClosing && c.closings == 0:
		w.vacate(c)
	case c.state == stateForwarding && h != nil:
		w.proceed(h)
	}
}
