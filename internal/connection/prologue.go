package connection

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/report"
)

// How a connection gets its prologue: see header.go.

// headers are the connections whose clients have yet to send a header.
type headers struct {
	headerLine[*Connection]
	timer *Timer
}

// introduce sees to it that a connection has its prologue, if there is to be one. While
// its client has yet to send a header it reports false; resolve is called again then.
func (k *Keeper) introduce(c *Connection) bool {
	if c.Prologue == nil {
		c.Prologue = newPrologue(k.Policy.ProxyProtocol)
	}
	switch {
	case c.Prologue == nil, c.Prologue.Bytes != nil:
		return true
	case !k.Policy.ProxyProtocol.Accept:
		return k.completePrologue(c)
	}
	k.enter(c, Greeting)
	k.ReadHeader(c)
	return false
}

// ReadHeader receives what there is of a client's header, or waits for more.
func (k *Keeper) ReadHeader(c *Connection) {
	for {
		n, errno := k.receiveHeader(c)
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			k.awaitHeader(c)
			return
		default:
			k.RefuseHeader(c, errno)
			return
		}
		complete, err := c.Prologue.Received(n)
		switch {
		case err != nil:
			k.RefuseHeader(c, err)
			return
		case complete:
			k.Headers.Leave(c.Prologue)
			if k.completePrologue(c) {
				k.resolve(c)
			}
			return
		}
	}
}

// receiveHeader receives some of a client's header, and where descriptors are passed on
// nothing behind it, as some may come with that.
func (k *Keeper) receiveHeader(c *Connection) (int, syscall.Errno) {
	room := c.Prologue.Room()
	if c.Passing {
		n, errno := k.Sockets.Peek(c.Client.FD, room)
		if n == 0 || errno != 0 {
			return 0, errno
		}
		room = room[:c.Prologue.Own(n)]
	}
	return k.Sockets.Recv(c.Client.FD, room)
}

// awaitHeader waits for more of a client's header, until its time is over.
func (k *Keeper) awaitHeader(c *Connection) {
	if c.Prologue.Late {
		k.RefuseHeader(c, errLate)
		return
	}
	k.Headers.Join(c, c.Prologue)
	k.Headers.timer.Start(k.Headers.Time)
	if err := k.mover.Watch(c, ForHeader); err != nil {
		k.RefuseHeader(c, err)
	}
}

func (k *Keeper) completePrologue(c *Connection) bool {
	local, peer := k.Sockets.Names(c.Client.FD)
	if err := c.Prologue.complete(k.Policy.ProxyProtocol.Send, local, peer); err != nil {
		k.RefuseHeader(c, err)
		return false
	}
	c.account.Introduce(c.Prologue.told)
	return true
}

// RefuseHeader resets a connection for what should have been its client's header. One
// whose client has left without a byte of it is closed.
func (k *Keeper) RefuseHeader(c *Connection, err error) {
	if c.Prologue.Probed(err) {
		c.Outcome.Note(report.ClientLeft)
		k.forgetPrologue(c)
		k.finish(c)
		return
	}
	k.Counts.BadHeader.Add(1)
	c.Outcome.Note(report.BadHeader)
	_, peer := k.Sockets.Names(c.Client.FD)
	k.Reports.Header(c.Route.Listener, peer, err)
	k.forgetPrologue(c)
	k.Abort(c)
}

// endLate resets those whose header is not complete in time, unless something has come
// that the mover is about to be told of.
func (k *Keeper) endLate() {
	for {
		c, left, ok := k.Headers.Next()
		switch {
		case !ok:
			return
		case left > 0:
			k.Headers.timer.Start(left)
			return
		}
		k.Headers.Leave(c.Prologue)
		switch {
		case c.Finished(): // it ends already
		case k.Sockets.Events(c.Client.FD, unix.POLLIN) != 0:
			c.Prologue.Late = true
		default:
			k.RefuseHeader(c, errLate)
		}
	}
}

// TakePrologue is what a target that has just been connected gets first, before all that
// is received from its client; nothing, as a rule.
func (k *Keeper) TakePrologue(c *Connection) []byte {
	if c.Prologue == nil {
		return nil
	}
	first := c.Prologue.Bytes
	k.forgetPrologue(c)
	return first
}

// PutPrologue puts a prologue into a block, and behind it what the client has sent by now,
// so that all leaves by one send. It returns how many bytes that are. An end of the stream
// will be found once more.
func (k *Keeper) PutPrologue(c *Connection, prologue, block []byte) int {
	n := copy(block, prologue)
	block = block[n:min(len(block), max(n, k.Policy.Limits.BufferSize))]
	if c.Passing || len(block) == 0 { // or descriptors of the client's would come with the header
		return n
	}
	behind, errno := k.Sockets.Recv(c.Client.FD, block)
	switch errno {
	case 0:
		return n + behind
	case unix.EAGAIN, unix.EINTR:
	default:
		k.SourceFailed(c.ToTarget())
	}
	return n
}

// forgetPrologue drops what a connection has of its prologue.
func (k *Keeper) forgetPrologue(c *Connection) {
	if c.Prologue != nil {
		k.Headers.Leave(c.Prologue)
		c.Prologue = nil
	}
}
