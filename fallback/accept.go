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
	index     uint32
	route     *forward.Route
	accepting bool          // it is in the epoll set
	pause     time.Duration // the last pause after an error
	timer     *timer        // ends a pause
}

// accept starts accepting, unless it is under way, paused, or not to be. Of several
// workers, a connection wakes one.
func (w *worker) accept(l *listener) error {
	if l.accepting || l.timer.Running() || !w.MayAccept() {
		return nil
	}
	event := newEvent(kindListener, l.index, 0, 0)
	event.Events = unix.EPOLLIN | unix.EPOLLEXCLUSIVE
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, l.route.Listener.FD, &event); err != nil {
		return err
	}
	l.accepting = true
	return nil
}

// acceptOrPause is accept where an error (no memory) is to be got over.
func (w *worker) acceptOrPause(l *listener) {
	if err := w.accept(l); err != nil {
		w.acceptFailed(l, err.(syscall.Errno))
	}
}

// Accept implements connection.Mover.
func (w *worker) Accept() {
	for _, l := range w.listeners {
		w.acceptOrPause(l)
	}
}

// StopAccepting implements connection.Mover.
func (w *worker) StopAccepting() {
	for _, l := range w.listeners {
		w.stopAccepting(l)
	}
}

// stopAccepting takes a listener out of the epoll set.
func (w *worker) stopAccepting(l *listener) {
	if l.accepting {
		l.accepting = false
		_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, l.route.Listener.FD, nil)
	}
}

// accepted takes the connections that wait at a listener.
func (w *worker) accepted(l *listener) {
	for i := 0; i < acceptBatch && l.accepting; i++ {
		fd, _, err := unix.Accept4(l.route.Listener.FD, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			l.pause = 0
			w.Admit(l.route, fd)
		case unix.EAGAIN:
			if i == 0 {
				w.Policy.Gate.FoundNobody()
			}
			return
		case unix.EINTR:
		default:
			w.acceptFailed(l, err.(syscall.Errno))
			return
		}
	}
}

// acceptFailed takes a listener out of the epoll set for a while, if need be.
func (w *worker) acceptFailed(l *listener, errno syscall.Errno) {
	if l.pause = w.AcceptFailed(l.route, errno, l.pause); l.pause > 0 {
		w.stopAccepting(l)
		l.timer.Start(l.pause)
	}
}
