package fallback

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// acceptBatch is how many connections one event lets in before others get their
// turn.
const acceptBatch = 64

// listener is a route's listening socket, as its worker sees it.
type listener struct {
	index uint32
	route *forward.Route
	pause time.Duration // the last pause after an error
}

// accept starts accepting.
func (w *worker) accept(l *listener) error {
	event := newEvent(kindListener, l.index, 0)
	event.Events = unix.EPOLLIN
	return unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, l.route.Listener.FD, &event)
}

// accepted takes the connections that wait at a listener.
func (w *worker) accepted(l *listener) {
	for range acceptBatch {
		fd, _, err := unix.Accept4(l.route.Listener.FD, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			l.pause = 0
			w.admit(l, fd)
		case unix.EAGAIN:
			return
		case unix.EINTR:
		default:
			l.pause = forward.AcceptPause(err.(syscall.Errno), l.pause)
			w.policy.ReportAcceptFailed(l.route.Listener, err, l.pause)
			if l.pause > 0 {
				w.pauseAccepting(l)
			}
			return
		}
	}
}

// pauseAccepting takes a listener out of the epoll set for a while.
func (w *worker) pauseAccepting(l *listener) {
	_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, l.route.Listener.FD, nil)
	w.timers.start(l.pause, func() {
		if err := w.accept(l); err != nil { // no memory either
			w.policy.ReportAcceptFailed(l.route.Listener, err, l.pause)
			w.pauseAccepting(l)
		}
	})
}

// admit makes an accepted descriptor a connection, or closes it at the limit.
func (w *worker) admit(l *listener, fd int) {
	if !w.policy.Admit(l.route, w.counters) {
		w.close(fd, false)
		return
	}
	if l.route.Listener.Family != unix.AF_UNIX {
		w.sockets.Tune(fd)
	}
	slot, c := w.connections.Allocate()
	c.begin(slot, l.route, fd)
	if err := w.watch(c, &c.client); err != nil {
		w.unreachable(c, err)
		return
	}
	w.resolve(c)
}
