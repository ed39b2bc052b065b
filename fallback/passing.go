package fallback

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/forward"
)

// What forward/passing.go says of descriptors that are passed on, this engine does here.

// receivePassing reads bytes, and the descriptors that came with the first of them, into
// the worker's block and sends them on at once.
func (w *worker) receivePassing(h *half) bool {
	if !h.empty() || h.Closing {
		return false
	}
	n, passed, err := w.sockets.Receive(h.Source.FD, w.block)
	h.Passed = passed
	if err == nil {
		err = w.Policy.SparePassed(passed)
	}
	switch errno, ofSocket := err.(syscall.Errno); {
	case errno == unix.EAGAIN:
		h.from.readable = false
		return false
	case errno == unix.EINTR:
		return true
	case ofSocket:
		w.SourceFailed(&h.Half)
		return true
	case err != nil:
		w.refusePassed(h, err)
		return true
	case n == 0:
		h.End()
		return true
	}
	h.Connection.Silence.Active = w.Now
	w.budget -= n
	w.sendCopying(h, w.block[:n])
	return true
}

// sendPassing sends bytes, and with the first of them the descriptors that are held.
func (w *worker) sendPassing(h *half, bytes []byte) (int, syscall.Errno) {
	n, err := w.sockets.SendWith(h.Destination.FD, bytes, h.Passed)
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	w.Counts.Passed.Add(uint64(len(h.Passed)))
	w.closePassed(h)
	return n, 0
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
