package fallback

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
)

// proceed takes a half's next steps after anything has happened to it: send what
// is held, read while there is room, pass the end of the stream on.
func (w *worker) proceed(h *half) {
	for w.budget = w.TurnBytes; w.budget > 0; {
		sent := w.send(h)
		received := w.receive(h)
		if !sent && !received {
			break
		}
	}
	switch {
	case h.Done:
	case h.Ended() && h.Held == 0:
		w.EndHalf(&h.Half)
	case h.from.readable && h.to.writable && !h.Closing:
		w.Schedule(&h.Half) // has not come to a stop yet
	}
	w.Settle(h.Connection)
}

// Proceed implements connection.Mover.
func (w *worker) Proceed(h *connection.Half) { w.proceed(w.half(h)) }

// Turn implements connection.Mover.
func (w *worker) Turn(h *connection.Half) { w.proceed(w.half(h)) }

// LetGo implements connection.Mover.
func (w *worker) LetGo(h *connection.Half) {
	w.DiscardPipe(h)
	w.putBlock(w.half(h))
	h.Held = 0
}

// AtRest implements connection.Mover.
func (w *worker) AtRest(*connection.Connection) bool { return true }

// Close implements connection.Mover; epoll forgets the socket.
func (w *worker) Close(fd int) { unix.Close(fd) }

// Looked implements connection.Mover: epoll tells of all sides.
func (w *worker) Looked() {}
