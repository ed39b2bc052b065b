package ring

import (
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/ring/uring"
)

// listener is a route's listening socket, as its worker sees it.
type listener struct {
	index     uint32
	route     *forward.Route
	accepting bool          // an accept is in flight
	pause     time.Duration // the last pause after an error
	timer     *timer        // ends a pause
}

// accept starts accepting, unless it is under way, paused, or not to be.
func (w *worker) accept(l *listener) {
	if l.accepting || l.timer.Running() || !w.MayAccept() {
		return
	}
	l.accepting = true
	accept := w.ring.Accept
	if w.acceptMultishot {
		accept = w.ring.AcceptMultishot
	}
	accept(l.route.Listener.FD, uint64(newUserData(opAccept, l.index, 0)))
}

// accepted handles a completion of a listener's accept.
func (w *worker) accepted(l *listener, completion uring.Completion) {
	if !completion.More() {
		l.accepting = false
	}
	switch errno := completion.Errno(); errno {
	case 0:
		l.pause = 0
		w.Admit(l.route, int(completion.Result))
	case unix.ECANCELED, unix.EINTR:
	default:
		if l.pause = w.AcceptFailed(l.route, errno, l.pause); l.pause > 0 {
			l.timer.Start(l.pause)
		}
	}
	w.accept(l)
}

// Accept implements connection.Mover.
func (w *worker) Accept() {
	for _, l := range w.listeners {
		w.accept(l)
	}
}

// StopAccepting implements connection.Mover: it cancels the accepts of all listeners.
func (w *worker) StopAccepting() {
	for _, l := range w.listeners {
		if l.accepting {
			w.cancel(newUserData(opAccept, l.index, 0))
		}
	}
}

// accepting tells whether any accept is in flight.
func (w *worker) accepting() bool {
	for _, l := range w.listeners {
		if l.accepting {
			return true
		}
	}
	return false
}
