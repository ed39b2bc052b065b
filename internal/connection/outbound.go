package connection

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/target"
)

// How connections leave for their targets.

// fit gives the socket its outfit that is to be connected to the address being tried.
func (k *Keeper) fit(c *Connection) error {
	outbound := &k.Policy.Outbound
	if !outbound.Fits() {
		return nil
	}
	var peer unix.Sockaddr
	if outbound.Transparent {
		peer = k.Sockets.Peer(c.Client.FD)
	}
	address := c.Dial.Current()
	outfit, err := outfitFor(outbound, address, c.Prologue, peer)
	if err != nil {
		return err
	}
	return k.Sockets.Fit(c.Target.FD, int(address.Family), outfit)
}

// connectWith begins to connect with the first bytes for the target, if there are any.
func (k *Keeper) connectWith(c *Connection, address *target.Address) (Progress, error) {
	first, err := k.atHand(c)
	if len(first) == 0 || err != nil {
		return NotBegun, err
	}
	n, errno := k.Sockets.ConnectWith(c.Target.FD, first, address.Endpoint())
	switch errno {
	case 0, unix.EINPROGRESS:
		c.early = n
		return Begun, nil
	case unix.EOPNOTSUPP: // switched off meanwhile
		return NotBegun, nil
	}
	return NotBegun, errno
}

// atHand is what there is for a target before it is connected. None of it is taken. An
// error is errClientLeft.
func (k *Keeper) atHand(c *Connection) ([]byte, error) {
	n := 0
	if c.Prologue != nil {
		n = copy(k.Early, c.Prologue.Bytes)
	}
	if n < len(k.Early) {
		seen, errno := k.Sockets.Peek(c.Client.FD, k.Early[n:])
		if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
			return nil, errClientLeft
		}
		n += seen
	}
	return k.Early[:n], nil
}

// TakeEarly takes what has travelled with the connect: it is with the target now.
func (k *Keeper) TakeEarly(c *Connection) {
	if c.early == 0 {
		return
	}
	h := c.ToTarget()
	k.count(h, c.early)
	left := c.Prologue.Skip(c.early)
	c.early = 0
	for left > 0 {
		n, errno := k.Sockets.Recv(c.Client.FD, k.Early[:left])
		switch {
		case errno == unix.EINTR:
		case errno != 0, n == 0: // cannot be: they have been seen
			k.SourceFailed(h)
			return
		}
		left -= n
	}
}
