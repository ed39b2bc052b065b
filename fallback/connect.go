package fallback

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
)

// Connect implements connection.Mover.
func (w *worker) Connect(of *connection.Connection, progress connection.Progress) error {
	c := w.of(of)
	c.target = side{drained: c.Target.TCP}
	c.attempt++
	if progress == connection.NotBegun {
		switch errno := w.Sockets.Connect(c.Target.FD, c.Dial.Current().Sockaddr()); errno {
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
	w.of(of).target.writable = true
	if prologue := w.TakePrologue(of); len(prologue) > 0 {
		w.received(w.half(of.ToTarget()), w.PutPrologue(of, prologue, w.block))
	}
}
