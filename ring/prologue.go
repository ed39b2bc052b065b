package ring

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
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
		n, errno := w.sockets.Peek(c.client, room)
		if n == 0 || errno != 0 {
			return 0, errno
		}
		room = room[:c.prologue.Own(n)]
	}
	return w.sockets.Recv(c.client, room)
}

// awaitHeader waits for more of a client's header, until its time is over.
func (w *worker) awaitHeader(c *connection) {
	if c.prologue.Late {
		w.refuseHeader(c, forward.ErrLate)
		return
	}
	w.headers.Join(c, c.prologue)
	if !w.headerTimer.running {
		w.start(w.headerTimer, w.headers.Time)
	}
	w.await(&c.toTarget)
}

// greeted handles the end of a wait for a client's header.
func (w *worker) greeted(c *connection, errno syscall.Errno) {
	switch {
	case c.finished(): // aborted meanwhile
		w.settle(c)
	case errno == 0, errno == unix.ECANCELED, errno == unix.EINTR:
		w.readHeader(c)
	default: // it cannot be waited for
		w.refuseHeader(c, errno)
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
	local, peer := w.sockets.Names(c.client)
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
	_, peer := w.sockets.Names(c.client)
	w.policy.ReportHeader(c.route.Listener, peer, err)
	w.forgetPrologue(c)
	w.abort(c)
}

// endLate resets those whose header is not complete in time.
func (w *worker) endLate() {
	for {
		c, left, ok := w.headers.Next()
		switch {
		case !ok:
			return
		case left > 0:
			w.start(w.headerTimer, left)
			return
		}
		w.headers.Leave(c.prologue)
		switch {
		case c.finished(): // it ends already
		case w.toCome(&c.toTarget):
			c.prologue.Late = true
		default:
			w.refuseHeader(c, forward.ErrLate)
		}
	}
}

// sendPrologue queues what a target that has just been connected gets first, and
// behind it what its client has sent by now, so that all leaves by one send.
func (w *worker) sendPrologue(c *connection) {
	if c.prologue == nil {
		return
	}
	first := c.prologue.Bytes
	w.forgetPrologue(c)
	if len(first) == 0 {
		return
	}
	h := &c.toTarget
	block, err := w.pool.Block()
	if err != nil {
		w.policy.Log.Error("no memory for the first bytes to the target, resetting the connection", "bytes", len(first), "error", err)
		c.outcome.Note(forward.OutOfMemory)
		w.discard(h)
		w.discard(h.opposite())
		return
	}
	w.pool.Extend(&block, copy(w.pool.Room(block), first))
	if !c.passing { // or descriptors of the client's would come with the header
		w.receiveBehind(h, &block)
	}
	h.queued += int(block.Len)
	h.queue.push(block)
}

// receiveBehind receives what is there, without waiting, into a parked piece. An end
// of the stream will be found once more.
func (w *worker) receiveBehind(h *half, last *bufpool.Piece) {
	room := w.pool.Room(*last)
	room = room[:min(len(room), max(0, w.policy.Limits.BufferSize-int(last.Len)))]
	if len(room) == 0 {
		return
	}
	switch n, errno := w.sockets.Recv(h.source(), room); errno {
	case 0:
		w.pool.Extend(last, n)
	case unix.EAGAIN, unix.EINTR:
	default:
		w.sourceFailed(h)
	}
}

// forgetPrologue drops what a connection has of its prologue.
func (w *worker) forgetPrologue(c *connection) {
	if c.prologue != nil {
		w.headers.Leave(c.prologue)
		c.prologue = nil
	}
}
