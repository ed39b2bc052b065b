package ring

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// What forward/backlog.go says of full backlogs, this engine does here: a connect to a UNIX
// socket never waits, so it is made inline. In the ring it would hold one of the kernel's few
// threads until there is room, and others with it.

// connectUNIX connects a connection's target, or puts the connection in line.
func (w *worker) connectUNIX(c *connection) {
	address := c.dial.Current()
	if !w.backlogs.Waited(address) {
		if errno := w.sockets.ConnectUNIX(c.target, address); errno != unix.EAGAIN {
			w.connectedUNIX(c, errno)
			return
		}
	}
	w.backlogs.Join(address, c, &c.place)
	if !w.backlogTimer.running {
		w.start(w.backlogTimer, forward.BacklogPause)
	}
}

// connectWaiting tries those again that wait, in order.
func (w *worker) connectWaiting() {
	w.backlogs.Try(func(c *connection, overdue bool) bool {
		errno := w.sockets.ConnectUNIX(c.target, c.dial.Current())
		switch {
		case errno != unix.EAGAIN:
			c.place.Leave()
			w.connectedUNIX(c, errno)
		case overdue:
			w.connectFailed(c, forward.ErrBacklogFull)
		default:
			return false
		}
		return true
	})
	if !w.backlogs.Empty() {
		w.start(w.backlogTimer, forward.BacklogPause)
	}
}

func (w *worker) connectedUNIX(c *connection, errno syscall.Errno) {
	if errno != 0 {
		w.connectFailed(c, errno)
		return
	}
	w.reached(c)
}
