package connection

import (
	"syscall"

	"uring-socket-proxyd/internal/report"
)

// Descriptors that come over a UNIX socket are passed on over another one, with the byte
// that they came with. Both engines do that alike, by inline calls:
//
//   - A half receives up to the next byte with descriptors, or from that byte on, and
//     receives no more until all of that has been sent. So it holds the descriptors of
//     one message at most, and they go with the first byte of what it holds.
//   - Once they are sent, or can no longer be, they are closed by another thread, as a
//     close may wait for whoever has passed them. Until then the half receives nothing,
//     and its connection keeps its place. Its sockets are closed in the same way: what
//     their peers have left in them is closed with them.
//   - If any is lost, the connection is reset: a message never arrives with fewer.

// ReceivePassing receives n bytes into a block, on a half that passes descriptors on, up to
// the next bytes that came with some. Those of the first bytes are the half's from now on.
func (k *Keeper) ReceivePassing(h *Half, block []byte) (int, Receipt) {
	n, passed, err := k.Sockets.Receive(h.Source.FD, block)
	return n, k.receivedPassing(h, n, passed, err)
}

func (k *Keeper) receivedPassing(h *Half, n int, passed []int, err error) Receipt {
	h.Passed = passed
	if err == nil {
		err = k.Policy.SparePassed(passed)
	}
	switch errno, ofSocket := err.(syscall.Errno); {
	case ofSocket || err == nil && n == 0:
		return k.ReceivedNothing(h, errno)
	case err != nil: // some cannot be passed on
		k.Reports.Passing(h.Connection.Route.Listener, err)
		h.Connection.Outcome.Note(report.DescriptorsLost)
		k.discardBoth(h)
		return Over
	}
	k.Received(h, n)
	return Bytes
}

// SendPassing sends bytes, and with the first of them the descriptors that a half holds.
func (k *Keeper) SendPassing(h *Half, bytes []byte) (int, syscall.Errno) {
	n, err := k.Sockets.SendWith(h.Destination.FD, bytes, h.Passed)
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	k.passedOn(h)
	return n, 0
}

func (k *Keeper) passedOn(h *Half) {
	k.Counts.Passed.Add(uint64(len(h.Passed)))
	k.ClosePassed(h)
}

// ClosePassed closes the descriptors that a half holds. Until that is done it receives
// nothing.
func (k *Keeper) ClosePassed(h *Half) {
	if len(h.Passed) > 0 {
		h.Closing = true
		k.closeApart(h.Connection, h, h.Passed)
		h.Passed = nil
	}
}

// closeSockets closes those of a connection that passes descriptors on.
func (k *Keeper) closeSockets(c *Connection) {
	var fds []int
	for _, fd := range []*int{&c.Client.FD, &c.Target.FD} {
		if *fd != NoFD {
			if c.Broken {
				k.Sockets.ResetOnClose(*fd)
			}
			fds = append(fds, *fd)
			*fd = NoFD
		}
	}
	k.closeApart(c, nil, fds)
}

// closeApart has another thread close descriptors of a connection: of a half, or its
// sockets.
func (k *Keeper) closeApart(c *Connection, h *Half, fds []int) {
	c.closings++
	generation := c.Generation
	k.Sockets.CloseApart(fds, func() {
		k.Box.Post(func() {
			if c.Generation == generation {
				k.closedApart(c, h)
			}
		})
	})
}

// closedApart goes on with a connection after that.
func (k *Keeper) closedApart(c *Connection, h *Half) {
	c.closings--
	if h != nil {
		h.Closing = false
	}
	switch {
	case c.State == Closing && c.closings == 0:
		k.vacate(c)
	case c.State == Forwarding && h != nil:
		k.mover.Proceed(h)
	}
}
