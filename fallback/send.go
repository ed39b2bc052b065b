package fallback

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// send writes what a half holds to its destination, and reports whether any of
// it went.
func (w *worker) send(h *half) bool {
	held := h.Held
	switch {
	case !h.to.writable || h.Done || held == 0:
		return false
	case len(h.rest) > 0:
		w.sendCopying(h, h.rest)
	default:
		return w.sendSplicing(h)
	}
	return h.Held < held
}

// sendCopying sends bytes from a block, and keeps what does not go.
func (w *worker) sendCopying(h *half, bytes []byte) {
	for len(bytes) > 0 && h.to.writable {
		n, errno := w.sendBytes(h, bytes)
		if errno != 0 && !w.mayGoOn(h, errno) {
			return
		}
		w.Sent(&h.Half, n)
		bytes = bytes[n:]
	}
	w.keep(h, bytes)
}

func (w *worker) sendBytes(h *half, bytes []byte) (n int, errno syscall.Errno) {
	if len(h.Passed) > 0 {
		return w.SendPassing(&h.Half, bytes)
	}
	return send(h.Destination.FD, bytes[:h.Piece(len(bytes))])
}

// mayGoOn handles a send that has failed, and tells whether the half goes on: now, or when
// there is room.
func (w *worker) mayGoOn(h *half, errno syscall.Errno) bool {
	switch errno {
	case unix.EAGAIN:
		h.to.writable = false
	case unix.EINTR:
	default:
		w.DestinationFailed(&h.Half, errno)
		return false
	}
	return true
}

// keep stores what could not be sent of the worker's block, or of the half's.
func (w *worker) keep(h *half, bytes []byte) {
	switch {
	case len(bytes) == 0:
		w.putBlock(h)
	case h.block != nil:
		h.rest = bytes
	default:
		block, err := w.blocks.Get()
		if err != nil {
			w.OutOfMemory(&h.Half, len(bytes), err)
			return
		}
		h.block = block
		h.rest = block.Memory[:copy(block.Memory, bytes)]
	}
}

// putBlock gives a half's block back, and with it what is in it.
func (w *worker) putBlock(h *half) {
	if h.block != nil {
		w.blocks.Put(h.block)
		h.block, h.rest = nil, nil
	}
}

// sendSplicing moves bytes from the pipe to the destination.
func (w *worker) sendSplicing(h *half) bool {
	errno := w.Drain(&h.Half)
	if errno == 0 {
		w.PutPipe(&h.Half)
		return true
	}
	return !w.mayGoOn(h, errno) || h.to.writable
}
