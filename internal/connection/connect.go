package connection

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

// Progress is how far a connect has got.
type Progress uint8

const (
	NotBegun Progress = iota
	Begun             // the kernel will report on the socket when it is over
	Done              // the target is connected
)

func (p Progress) String() string { return name(int(p), "not begun", "begun", "done") }

// connectNext tries the next address of a connection's target.
func (k *Keeper) connectNext(c *Connection) {
	for address := c.Dial.Next(); address != nil; address = c.Dial.Next() {
		err := k.connect(c, address)
		switch {
		case err == nil, k.gaveUp(c, err):
			return
		case socket.Shortage(err):
			c.Dial.Again()
			k.postpone(c, err)
			return
		}
		c.Dial.Fail(err)
	}
	if c.Dial.Partial() {
		k.enter(c, Resolving)
		k.limit(c, k.Policy.Timeouts.Connect)
		k.lookUp(c)
		return
	}
	k.unreachable(c, nil)
}

// connect begins to connect to an address. Without an error it goes on, or is over.
func (k *Keeper) connect(c *Connection, address *target.Address) error {
	k.giveReserve(c)
	fd, err := k.open(address)
	if err != nil && k.pipes.Drop() {
		fd, err = k.open(address)
	}
	if err != nil {
		return err
	}
	c.Target = Side{FD: fd, TCP: socket.IsIP(int(address.Family))}
	if c.Passing {
		k.Sockets.Prepare(fd)
	}
	if err = k.fit(c); err == nil {
		k.enter(c, Connecting)
		k.limit(c, k.Policy.Timeouts.Connect)
		err = k.begin(c, address)
	}
	if err != nil {
		k.closeTarget(c)
	}
	return err
}

// open returns a socket to connect. For a ring it is a blocking one, so that a connect waits
// there instead of failing with EAGAIN; but one to a UNIX socket never waits.
func (k *Keeper) open(address *target.Address) (fd int, err error) {
	flags := unix.SOCK_NONBLOCK
	if k.Waits && address.Family != unix.AF_UNIX {
		flags = 0
	}
	return k.Sockets.Open(int(address.Family), flags)
}

// begin begins to connect to the address being tried, with the first bytes for it if it
// may take them and there are any.
func (k *Keeper) begin(c *Connection, address *target.Address) error {
	c.early = 0
	switch {
	case address.Family == unix.AF_UNIX:
		return k.connectUNIX(c)
	case k.Early != nil && socket.IsIP(int(address.Family)):
		progress, err := k.connectWith(c, address)
		if err != nil {
			return err
		}
		return k.mover.Connect(c, progress)
	}
	return k.mover.Connect(c, NotBegun)
}

// Connected goes on with a connection whose connect is over.
func (k *Keeper) Connected(c *Connection, errno syscall.Errno) {
	switch {
	case c.Dial.Taken(errno): // the target took the connection, and has reset it
		c.Outcome.Note(report.TargetReset)
		k.Abort(c)
	case errno != 0:
		k.ConnectFailed(c, errno)
	case c.Target.TCP && k.Sockets.MetItself(c.Target.FD, c.Dial.Current().AddrPort()):
		// Nobody listens there; and as long as this socket has the port, nobody can.
		k.Sockets.ResetOnClose(c.Target.FD)
		k.ConnectFailed(c, syscall.ECONNREFUSED)
	default:
		k.Reached(c)
	}
}

// Reached goes on with a connection whose target is connected.
func (k *Keeper) Reached(c *Connection) {
	k.enter(c, Forwarding)
	k.Stopwatch.Connected(&k.Counts, c.began)
	k.Wheel.Cancel(&c.alarm)
	k.limit(c, c.Silence.firstReview(k.Policy, k.Now))
	c.ToTarget().Way, c.ToClient().Way = k.FirstWay, k.FirstWay
	k.TakeEarly(c)
	k.mover.Forward(c)
	k.mover.Proceed(c.ToTarget())
	if c.State == Forwarding { // or the first half has ended it all
		k.mover.Proceed(c.ToClient())
	}
}

// ConnectFailed goes on to the next address, or tries the same one again after a
// shortage.
func (k *Keeper) ConnectFailed(c *Connection, err error) {
	c.place.Leave()
	k.closeTarget(c)
	if socket.Shortage(err) {
		c.Dial.Again()
		k.postpone(c, err)
		return
	}
	c.Dial.Fail(err)
	k.connectNext(c)
}

func (k *Keeper) closeTarget(c *Connection) {
	k.close(c.Target.FD, false)
	c.Target.FD = NoFD
}

// gaveUp ends a connection that has no use for a target, as its client has left.
func (k *Keeper) gaveUp(c *Connection, err error) bool {
	if !errors.Is(err, errClientLeft) {
		return false
	}
	c.Outcome.Note(report.ClientReset)
	k.Abort(c)
	return true
}
