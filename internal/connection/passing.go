package connection

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/report"
)

// What connection/passing.go says of descriptors that are passed on is done here.

// Receipt is the result of a receive.
type Receipt uint8

const (
	Bytes   Receipt = iota
	Nothing         // there is nothing
	Again           // the receive is to be repeated
	Over            // the half receives nothing more
)

func (r Receipt) String() string { return name(int(r), "bytes", "nothing", "again", "over") }

// ReceivePassing receives n bytes into a block, on a half that passes descriptors on, up to the next
// bytes that came with some. Those of the first bytes are the half's from now on.
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
