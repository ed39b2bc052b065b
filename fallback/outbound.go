package fallback

import (
	"errors"

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
		peer = w.sockets.Peer(c.client.fd)
	}
	address := c.dial.Current()
	outfit, err := outbound.Outfit(address, c.prologue, peer)
	if err != nil {
		return err
	}
	return w.sockets.Fit(c.target.fd, int(address.Family), outfit)
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

// begin begins to connect to the address being tried, with the first bytes for it if it
// may take them and there are any. As connect(2) does, it returns EINPROGRESS when that
// goes on.
func (w *worker) begin(c *connection) error {
	address := c.dial.Current()
	c.early = 0
	if w.early != nil && socket.IsIP(int(address.Family)) {
		first, err := w.atHand(c)
		if err != nil {
			return err
		}
		if len(first) > 0 {
			n, errno := w.sockets.ConnectWith(c.target.fd, first, address)
			switch errno {
			case 0:
				c.early = n
				return unix.EINPROGRESS
			case unix.EOPNOTSUPP: // switched off meanwhile
			default:
				return errno
			}
		}
	}
	if errno := connect(c.target.fd, address.Sockaddr()); errno != 0 {
		return errno
	}
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
		seen, errno := w.sockets.Peek(c.client.fd, w.early[n:])
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
	w.countBytes(h, c.early)
	left := c.prologue.Skip(c.early)
	c.early = 0
	for left > 0 {
		n, errno := recv(c.client.fd, w.early[:left])
		switch {
		case errno == unix.EINTR:
		case errno != 0, n == 0: // cannot be: they have been seen
			w.sourceFailed(h)
			return
		}
		left -= n
	}
}
