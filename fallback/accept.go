package fallback

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
)

// acceptBatch is how many connections one event lets in before others get their
// turn.
const acceptBatch = 64

// Accept implements connection.Mover. Of several workers, a connection wakes one.
func (w *worker) Accept(l *connection.Listener) error {
	event := newEvent(kindListener, l.Index, 0, 0)
	event.Events = unix.EPOLLIN | unix.EPOLLEXCLUSIVE
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, l.Route.Listener.FD, &event))
}

// StopAccepting implements connection.Mover.
func (w *worker) StopAccepting(l *connection.Listener) {
	l.Accepting = false
	_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, l.Route.Listener.FD, nil)
}

// accepted takes the connections that wait at a listener.
func (w *worker) accepted(l *connection.Listener) {
	for i := 0; i < acceptBatch && l.Accepting; i++ {
		fd, _, err := unix.Accept4(l.Route.Listener.FD, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			w.Accepted(l, fd)
		case unix.EAGAIN:
			if i == 0 {
				w.Gate.FoundNobody()
			}
			return
		case unix.EINTR:
		default:
			w.AcceptFailed(l, err.(syscall.Errno))
			return
		}
	}
}
