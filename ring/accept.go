package ring

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/ring/uring"
)

// Accept implements connection.Mover.
func (w *worker) Accept(l *connection.Listener) error {
	accept := w.ring.Accept
	if w.acceptMultishot {
		accept = w.ring.AcceptMultishot
	}
	accept(l.Route.Listener.FD, uint64(newUserData(opAccept, l.Index, 0)))
	return nil
}

// accepted handles a completion of a listener's accept.
func (w *worker) accepted(l *connection.Listener, completion uring.Completion) {
	if !completion.More() {
		l.Accepting = false
	}
	switch errno := completion.Errno(); errno {
	case 0:
		w.Accepted(l, int(completion.Result))
	case unix.ECANCELED, unix.EINTR:
	default:
		w.AcceptFailed(l, errno)
	}
	w.AcceptAgain(l)
}

// StopAccepting implements connection.Mover.
func (w *worker) StopAccepting(l *connection.Listener) {
	w.cancel(newUserData(opAccept, l.Index, 0))
}
