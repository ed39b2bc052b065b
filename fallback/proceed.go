package fallback

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/forward"
)

// proceed takes a half's next steps after anything has happened to it: send what
// is held, read while there is room, pass the end of the stream on.
func (w *worker) proceed(h *half) {
	w.budget = forward.Turn
	for w.budget > 0 {
		sent := w.send(h)
		received := w.receive(h)
		if !sent && !received {
			break
		}
	}
	switch {
	case h.Done:
	case h.Ended && h.empty():
		w.EndHalf(&h.Half)
	case h.from.readable && h.to.writable && !h.Closing:
		w.schedule(h) // has not come to a stop yet
	}
	w.Settle(h.Connection)
}

// Proceed implements connection.Mover.
func (w *worker) Proceed(h *connection.Half) { w.proceed(w.halfOf(h)) }

// LetGo implements connection.Mover.
func (w *worker) LetGo(of *connection.Half) {
	h := w.halfOf(of)
	w.putBlock(h)
	if h.pipe != nil {
		w.pipes.Discard(h.pipe)
		h.pipe, h.queued = nil, 0
	}
}

// AtRest implements connection.Mover.
func (w *worker) AtRest(*connection.Connection) bool { return true }

// Receives implements connection.Mover.
func (w *worker) Receives(of *connection.Half) bool {
	h := w.halfOf(of)
	return !h.Done && !h.Ended && h.empty()
}

// Holds implements connection.Mover.
func (w *worker) Holds(of *connection.Connection) bool {
	c := w.of(of)
	return !c.toTarget.empty() || !c.toClient.empty()
}

// DropPipes implements connection.Mover.
func (w *worker) DropPipes() bool { return w.pipes.Drop() }

// Close implements connection.Mover; epoll forgets the socket.
func (w *worker) Close(fd int) { unix.Close(fd) }
