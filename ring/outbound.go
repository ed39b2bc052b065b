package ring

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
)

// What forward/outbound.go says of how connections leave, this engine does here.

// fit gives the socket its outfit that is to be connected to the address being tried.
func (w *worker) fit(c *connection) error {
	outbound := &w.policy.Outbound
	if !outbound.Fits() {
		return nil
	}
	var peer unix.Sockaddr
	if outbound.Transparent {
		peer = w.sockets.Peer(c.client)
	}
	address := c.dial.Current()
	outfit, err := outbound.Outfit(address, c.prologue, peer)
	if err != nil {
		return err
	}
	return w.sockets.Fit(c.target, int(address.Family), outfit)
}

// gaveUp ends a connection that has no use for a target, as its client has left.
func (w *worker) gaveUp(c *connection, err error) bool {
	if !errors.Is(err, forward.ErrClientLeft) {
		return false
	}
	c.outcome.Note(forward.ClientReset)
	w.abort(c)
	return true
}

// begin begins to connect to the address being tried, where the ring is not to do that:
// with VSOCK, and with the first bytes for a target on TCP, if those may go ahead and there
// are any.
//
// IORING_OP_CONNECT calls connect(2) again whenever it is woken (since 6.7, and stable
// kernels of that time), which VSOCK answers by EALREADY while it is connecting, and for
// ever after it was refused; before, the first time that it was woken without an error was
// a success.
func (w *worker) begin(c *connection) error {
	address := c.dial.Current()
	c.begun, c.early = false, 0
	var errno syscall.Errno
	switch {
	case address.Family == unix.AF_VSOCK:
		errno = w.sockets.ConnectVSOCK(c.target, address.VSOCK())
	case w.early != nil && socket.IsIP(int(address.Family)):
		first, err := w.atHand(c)
		if len(first) == 0 || err != nil {
			return err
		}
		if c.early, errno = w.sockets.ConnectWith(c.target, first, address); errno == unix.EOPNOTSUPP {
			return nil // switched off meanwhile
		}
	default:
		return nil
	}
	if errno != 0 && errno != unix.EINPROGRESS {
		return errno
	}
	c.begun = true
	return nil
}

// atHand is what there is for a target before it is connected. None of it is taken. An
// error is forward.ErrClientLeft.
func (w *worker) atHand(c *connection) ([]byte, error) {
	n := 0
	if c.prologue != nil {
		n = copy(w.early, c.prologue.Bytes)
	}
	if n < len(w.early) {
		seen, errno := w.sockets.Peek(c.client, w.early[n:])
		if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
			return nil, forward.ErrClientLeft
		}
		n += seen
	}
	return w.early[:n], nil
}

// takeEarly takes what has travelled with the connect: it is with the target now.
func (w *worker) takeEarly(c *connection) {
	if c.early == 0 {
		return
	}
	h := &c.toTarget
	w.countBytes(h, uint64(c.early))
	left := c.prologue.Skip(c.early)
	c.early = 0
	for left > 0 {
		n, errno := w.sockets.Recv(c.client, w.early[:left])
		switch {
		case errno == unix.EINTR:
		case errno != 0, n == 0: // cannot be: they have been seen
			w.sourceFailed(h)
			return
		}
		left -= n
	}
}
