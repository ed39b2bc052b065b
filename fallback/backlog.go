package fallback

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// What forward/backlog.go says of full backlogs, this engine does here.

// connectUNIX connects a connection's target, or puts the connection in line.
func (w *worker) connectUNIX(c *connection) error {
	address := c.dial.Current()
	c.early = 0
	if !w.backlogs.Waited(address) {
		switch errno := connect(c.target.fd, address.Sockaddr()); errno {
		case 0:
			return w.connectedUNIX(c)
		case unix.EAGAIN:
		default:
			return errno
		}
	}
	w.backlogs.Join(address, c, &c.place)
	if !w.backlogTimed {
		w.backlogTimed = true
		w.timers.start(forward.BacklogPause, w.connectWaiting)
	}
	return nil
}

// connectWaiting tries those again that wait, in order.
func (w *worker) connectWaiting() {
	w.backlogs.Try(func(c *connection, overdue bool) bool {
		var err error
		switch errno := connect(c.target.fd, c.dial.Current().Sockaddr()); {
		case errno == 0:
			c.place.Leave()
			err = w.connectedUNIX(c)
		case errno != unix.EAGAIN:
			err = errno
		case overdue:
			err = forward.ErrBacklogFull
		default:
			return false
		}
		if err != nil {
			w.connectFailed(c, err)
		}
		return true
	})
	if w.backlogTimed = !w.backlogs.Empty(); w.backlogTimed {
		w.timers.start(forward.BacklogPause, w.connectWaiting)
	}
}

func (w *worker) connectedUNIX(c *connection) error {
	if err := w.watch(c, &c.target); err != nil {
		return err
	}
	w.connected(c)
	return nil
}
