package fallback

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// What forward/proxyprotocol.go says of a prologue, this engine does here.

// introduce sees to it that a connection has its prologue, if there is to be one. While
// its client has yet to send a header it reports false; resolve is called again then.
func (w *worker) introduce(c *connection) bool {
	if c.prologue == nil {
		c.prologue = w.policy.NewPrologue()
	}
	switch {
	case c.prologue == nil, c.prologue.Bytes != nil:
		return true
	case !w.policy.ProxyProtocol.Accept:
		return w.completePrologue(c)
	}
	c.state = stateGreeting
	w.readHeader(c)
	return false
}

// readHeader receives what there is of a client's header, or waits for more.
func (w *worker) readHeader(c *connection) {
	for {
		n, errno := w.receiveHeader(c)
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			w.awaitHeader(c)
			return
		default:
			w.refuseHeader(c, errno)
			return
		}
		complete, err := c.prologue.Received(n)
		switch {
		case err != nil:
			w.refuseHeader(c, err)
			return
		case complete:
			w.endGreeting(c)
			return
		}
	}
}

// receiveHeader receives some of a client's header, and where descriptors are passed on
// nothing behind it, as some may come with that.
func (w *worker) receiveHeader(c *connection) (int, syscall.Errno) {
	room := c.prologue.Room()
	if c.passing {
		n, errno := w.sockets.Peek(c.client.fd, room)
		if n == 0 || errno != 0 {
			return 0, errno
		}
		room = room[:c.prologue.Own(n)]
	}
	return recv(c.client.fd, room)
}

// awaitHeader waits for more of a client's header, until its time is over. An event
// tells of it.
func (w *worker) awaitHeader(c *connection) {
	if c.prologue.Late {
		w.refuseHeader(c, forward.ErrLate)
		return
	}
	w.headers.Join(c, c.prologue)
	if !w.headersTimed {
		w.headersTimed = true
		w.timers.start(w.headers.Time, w.endLate)
	}
}

// endGreeting goes on with a connection whose client has sent its header.
func (w *worker) endGreeting(c *connection) {
	w.headers.Leave(c.prologue)
	c.state = stateResolving
	if w.completePrologue(c) {
		w.resolve(c)
	}
}

func (w *worker) completePrologue(c *connection) bool {
	local, peer := w.sockets.Names(c.client.fd)
	if err := w.policy.Complete(c.prologue, local, peer); err != nil {
		w.refuseHeader(c, err)
		return false
	}
	c.account.Introduce(c.prologue)
	return true
}

// refuseHeader resets a connection for what should have been its client's header. One
// whose client has left without a byte of it is closed.
func (w *worker) refuseHeader(c *connection, err error) {
	if c.prologue.Probed(err) {
		c.outcome.Note(forward.ClientLeft)
		w.forgetPrologue(c)
		c.toTarget.done, c.toClient.done = true, true
		w.settle(c)
		return
	}
	w.counters.BadHeader.Add(1)
	c.outcome.Note(forward.BadHeader)
	_, peer := w.sockets.Names(c.client.fd)
	w.policy.ReportHeader(c.route.Listener, peer, err)
	w.forgetPrologue(c)
	w.abort(c)
}

// endLate resets those whose header is not complete in time.
func (w *worker) endLate() {
	w.headersTimed = false
	for {
		c, left, ok := w.headers.Next()
		switch {
		case !ok:
			return
		case left > 0:
			w.headersTimed = true
			w.timers.start(left, w.endLate)
			return
		}
		w.headers.Leave(c.prologue)
		if w.sockets.Events(c.client.fd, unix.POLLIN) != 0 {
			c.prologue.Late = true
			w.readHeader(c)
		} else {
			w.refuseHeader(c, forward.ErrLate)
		}
	}
}

// sendPrologue sends what a target that has just been connected gets first, and
// behind it what its client has sent by now, by one call.
func (w *worker) sendPrologue(c *connection) {
	if c.prologue == nil {
		return
	}
	first := c.prologue.Bytes
	w.forgetPrologue(c)
	if len(first) == 0 {
		return
	}
	n := copy(w.block, first)
	if !c.passing { // or descriptors of the client's would come with the header
		n += w.receiveBehind(&c.toTarget, w.block[n:])
	}
	w.sendCopying(&c.toTarget, w.block[:n])
}

// receiveBehind receives what is there, without waiting, into the rest of the worker's
// block. An end of the stream will be found once more.
func (w *worker) receiveBehind(h *half, room []byte) int {
	n, errno := recv(h.source.fd, room)
	switch errno {
	case 0:
		return n
	case unix.EAGAIN, unix.EINTR:
	default:
		w.sourceFailed(h)
	}
	return 0
}

// forgetPrologue drops what a connection has of its prologue.
func (w *worker) forgetPrologue(c *connection) {
	if c.prologue != nil {
		w.headers.Leave(c.prologue)
		c.prologue = nil
	}
}
