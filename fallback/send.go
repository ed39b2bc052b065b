package fallback

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// send writes what a half holds to its destination, and reports whether any of
// it went.
func (w *worker) send(h *half) bool {
	switch {
	case !h.to.writable || h.Done:
		return false
	case len(h.rest) > 0:
		n := len(h.rest)
		w.sendCopying(h, h.rest)
		return len(h.rest) < n
	case h.queued > 0:
		return w.sendSplicing(h)
	}
	return false
}

// sendCopying sends bytes from a block, and keeps what does not go.
func (w *worker) sendCopying(h *half, bytes []byte) {
	for len(bytes) > 0 && h.to.writable {
		n, errno := w.sendBytes(h, bytes)
		switch errno {
		case 0:
			w.Count(&h.Half, n)
			bytes = bytes[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			h.to.writable = false
		default:
			w.DestinationFailed(&h.Half, errno)
			return
		}
	}
	w.keep(h, bytes)
}

func (w *worker) sendBytes(h *half, bytes []byte) (int, syscall.Errno) {
	if len(h.Passed) > 0 {
		return w.sendPassing(h, bytes)
	}
	return send(h.Destination.FD, bytes[:h.Piece(len(bytes))])
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

func (w *worker) putBlock(h *half) {
	if h.block != nil {
		w.blocks.Put(h.block)
		h.block, h.rest = nil, nil
	}
}

// sendSplicing moves bytes from the pipe to the destination.
func (w *worker) sendSplicing(h *half) bool {
	n, errno := w.sockets.Splice(h.pipe.Read, h.Destination.FD, h.Piece(h.queued))
	switch errno {
	case 0:
		h.Short = h.Short || n < h.queued
		h.queued -= n
		w.Count(&h.Half, n)
		w.putPipe(h)
	case unix.EINTR:
	case unix.EAGAIN:
		h.to.writable = false
		return false
	default:
		w.DestinationFailed(&h.Half, errno)
	}
	return true
}
