package connection

import (
	"syscall"

	"golang.org/x/sys/unix"

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

// Received is what has come of a receive.
type Received uint8

const (
	Bytes   Received = iota
	Nothing          // there is nothing
	Again            // it is to be done once more
	Over             // the half receives nothing more
)

// ReceivedPassing handles what a receive has said, on a half that passes descriptors on: n
// bytes, and the descriptors that came with the first of them, which are the half's from
// now on.
func (k *Keeper) ReceivedPassing(h *Half, n int, passed []int, err error) Received {
	h.Passed = passed
	if err == nil {
		err = k.Policy.SparePassed(passed)
	}
	switch errno, ofSocket := err.(syscall.Errno); {
	case errno == unix.EAGAIN:
		return Nothing
	case errno == unix.EINTR:
		return Again
	case ofSocket:
		k.SourceFailed(h)
		return Over
	case err != nil: // some cannot be passed on
		k.Reports.Passing(h.Connection.Route.Listener, err)
		h.Connection.Outcome.Note(report.DescriptorsLost)
		k.discardBoth(h)
		return Over
	case n == 0:
		h.End()
		return Over
	}
	h.Connection.Silence.Active = k.Now
	return Bytes
}

// PassedOn notes that the descriptors which a half holds have been sent.
func (k *Keeper) PassedOn(h *Half) {
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
