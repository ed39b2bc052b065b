package fallback

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
)

// AwaitHeader implements connection.Mover: an event will tell.
func (w *worker) AwaitHeader(*connection.Connection) {}

// sendPrologue sends what a target that has just been connected gets first, and
// behind it what its client has sent by now, by one call.
func (w *worker) sendPrologue(c *transfer) {
	first := w.TakePrologue(&c.Connection)
	if len(first) == 0 {
		return
	}
	n := copy(w.block, first)
	if !c.Passing { // or descriptors of the client's would come with the header
		n += w.receiveBehind(&c.toTarget, w.block[n:])
	}
	w.sendCopying(&c.toTarget, w.block[:n])
}

// receiveBehind receives what is there, without waiting, into the rest of the worker's
// block. An end of the stream will be found once more.
func (w *worker) receiveBehind(h *half, room []byte) int {
	n, errno := recv(h.Source.FD, room)
	switch errno {
	case 0:
		return n
	case unix.EAGAIN, unix.EINTR:
	default:
		w.SourceFailed(&h.Half)
	}
	return 0
}
