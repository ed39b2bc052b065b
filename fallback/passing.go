package fallback

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// What forward/passing.go says of descriptors that are passed on, this engine does here.

// receivePassing reads bytes, and the descriptors that came with the first of them, into
// the worker's block and sends them on at once.
func (w *worker) receivePassing(h *half) bool {
	if !h.empty() || h.closing {
		return false
	}
	n, passed, err := w.sockets.Receive(h.source.fd, w.block)
	h.passed = passed
	if err == nil {
		err = w.policy.SparePassed(passed)
	}
	switch errno, ofSocket := err.(syscall.Errno); {
	case errno == unix.EAGAIN:
		h.source.readable = false
		return false
	case errno == unix.EINTR:
		return true
	case ofSocket:
		w.sourceFailed(h)
		return true
	case err != nil:
		w.refusePassed(h, err)
		return true
	case n == 0:
		h.end()
		return true
	}
	h.connection.silence.Active = w.now
	w.budget -= n
	w.sendCopying(h, w.block[:n])
	return true
}

// sendPassing sends bytes, and with the first of them the descriptors that are held.
func (w *worker) sendPassing(h *half, bytes []byte) (int, syscall.Errno) {
	n, err := w.sockets.SendWith(h.destination.fd, bytes, h.passed)
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	w.counters.Passed.Add(uint64(len(h.passed)))
	w.closePassed(h)
	return n, 0
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
	for _, s := range []*side{&c.client, &c.target} {
		if s.fd != noFD {
			if c.broken {
				w.sockets.ResetOnClose(s.fd)
			}
			fds = append(fds, s.fd)
			s.fd = noFD
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
