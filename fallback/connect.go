package fallback

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/target"
)

// Open implements connection.Mover.
func (w *worker) Open(of *connection.Connection, address *target.Address) (fd int, err error) {
	if fd, err = w.sockets.Open(int(address.Family), unix.SOCK_NONBLOCK); err != nil {
		return connection.NoFD, err
	}
	c := w.of(of)
	c.attempt++
	return fd, nil
}

// Connect implements connection.Mover.
func (w *worker) Connect(of *connection.Connection, progress connection.Progress) error {
	c := w.of(of)
	c.target = side{drained: c.Target.TCP}
	if progress == connection.NotBegun {
		switch errno := w.sockets.Connect(c.Target.FD, c.Dial.Current()); errno {
		case 0:
			progress = connection.Done
		case unix.EINPROGRESS, unix.EINTR: // an interrupted connect goes on
		default:
			return errno
		}
	}
	if err := w.watch(c.Target.FD, newEvent(kindTarget, c.Slot, c.Generation, c.attempt)); err != nil {
		return err
	}
	if progress == connection.Done {
		w.Reached(of)
	}
	return nil
}

// connecting handles an event of a socket that is being connected.
func (w *worker) connecting(c *transfer) {
	errno, err := unix.GetsockoptInt(c.Target.FD, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		w.ConnectFailed(&c.Connection, err)
	case errno != 0, c.target.writable:
		w.Connected(&c.Connection, syscall.Errno(errno))
	}
}

// TimeOut implements connection.Mover.
func (w *worker) TimeOut(c *connection.Connection) { w.ConnectFailed(c, syscall.ETIMEDOUT) }

// Forward implements connection.Mover.
func (w *worker) Forward(of *connection.Connection) {
	c := w.of(of)
	c.target.writable = true
	w.TakeEarly(of)
	w.sendPrologue(c)
	w.proceed(&c.toTarget)
	if c.State == connection.Forwarding { // or the first half has settled it
		w.proceed(&c.toClient)
	}
}
