package ring

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/forward"
)

// What forward/passing.go says of descriptors that are passed on, this engine does here.
// A receive into the pool would drop them, so the ring tells of readiness only, as it does
// for a stream, and such halves take turns with those.

// pass is one turn of a half.
func (w *worker) pass(h *half) {
	for moved := 0; moved < w.turn; {
		switch {
		case h.Done, h.sending:
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
	h.Passed = passed
	if err == nil {
		err = w.Policy.SparePassed(passed)
	}
	switch errno, ofSocket := err.(syscall.Errno); {
	case errno == unix.EAGAIN:
		w.await(h)
		return 0, false
	case errno == unix.EINTR:
		return 0, true
	case ofSocket:
		w.SourceFailed(&h.Half)
		return 0, true
	case err != nil:
		w.refusePassed(h, err)
		return 0, false
	case n == 0:
		h.End()
		return 0, true
	}
	h.Connection.Silence.Active = w.Now
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
			w.Counts.Passed.Add(uint64(len(h.Passed)))
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
	if len(bytes) == 0 || h.Done {
		return
	}
	block, err := w.pool.Block()
	if err != nil {
		w.Policy.Log.Error("no memory to hold what a slow peer has not taken, resetting the connection",
			"bytes", len(bytes), "error", err)
		h.Connection.Outcome.Note(forward.OutOfMemory)
		w.Discard(&h.Half)
		w.Discard(h.Opposite())
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

// refusePassed resets a connection some of whose descriptors cannot be passed on.
func (w *worker) refusePassed(h *half, err error) {
	w.Policy.ReportPassing(h.Connection.Route.Listener, err)
	h.Connection.Outcome.Note(forward.DescriptorsLost)
	w.Discard(&h.Half)
	w.Discard(h.Opposite())
}

// closePassed closes the descriptors that a half holds. Until that is done it receives
// nothing.
func (w *worker) closePassed(h *half) {
	if len(h.Passed) > 0 {
		h.Closing = true
		w.closeApart(h.transfer, h, h.Passed)
		h.Passed = nil
	}
}

// CloseSockets implements connection.Mover.
func (w *worker) CloseSockets(of *connection.Connection) {
	c := w.of(of)
	var fds []int
	for _, fd := range []*int{&c.Client.FD, &c.Target.FD} {
		if *fd != connection.NoFD {
			if c.Broken {
				w.sockets.ResetOnClose(*fd)
			}
			fds = append(fds, *fd)
			*fd = connection.NoFD
		}
	}
	w.closeApart(c, nil, fds)
}

// closeApart has another thread close descriptors of a connection: of a half, or its
// sockets.
func (w *worker) closeApart(c *transfer, h *half, fds []int) {
	c.Closings++
	generation := c.Generation
	w.sockets.CloseApart(fds, func() {
		w.Box.Post(func() {
			if c.Generation == generation {
				w.closedApart(c, h)
			}
		})
	})
}

// closedApart goes on with a connection after that.
func (w *worker) closedApart(c *transfer, h *half) {
	c.Closings--
	if h != nil {
		h.Closing = false
	}
	switch {
	case c.State == connection.Closing && c.Closings == 0:
		w.Vacate(&c.Connection)
	case c.State == connection.Forwarding && h != nil:
		w.proceed(h)
	}
}
