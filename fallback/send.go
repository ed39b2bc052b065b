package fallback

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// send writes what a half holds to its destination, and reports whether any of
// it went.
func (w *worker) send(h *half) bool {
	switch {
	case !h.destination.writable || h.done:
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
	for len(bytes) > 0 && h.destination.writable {
		n, errno := w.sendBytes(h, bytes)
		switch errno {
		case 0:
			w.countBytes(h, n)
			bytes = bytes[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			h.destination.writable = false
		default:
			w.destinationFailed(h, errno)
			return
		}
	}
	w.keep(h, bytes)
}

func (w *worker) sendBytes(h *half, bytes []byte) (int, syscall.Errno) {
	if len(h.passed) > 0 {
		return w.sendPassing(h, bytes)
	}
	return send(h.destination.fd, bytes[:h.piece(len(bytes))])
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
			w.policy.Log.Error("no memory to hold what a slow peer has not taken, resetting the connection",
				"bytes", len(bytes), "error", err)
			h.connection.outcome.Note(forward.OutOfMemory)
			w.discard(h)
			w.discard(h.opposite())
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
	n, errno := w.sockets.Splice(h.pipe.Read, h.destination.fd, h.piece(h.queued))
	switch errno {
	case 0:
		h.short = h.short || n < h.queued
		h.queued -= n
		w.countBytes(h, n)
		w.putPipe(h)
	case unix.EINTR:
	case unix.EAGAIN:
		h.destination.writable = false
		return false
	default:
		w.destinationFailed(h, errno)
	}
	return true
}

// destinationFailed handles a destination that takes nothing more.
func (w *worker) destinationFailed(h *half, errno syscall.Errno) {
	if len(h.passed) > 0 && !forward.Gone(errno) {
		w.policy.ReportPassing(h.connection.route.Listener, errno)
		h.connection.outcome.Note(forward.DescriptorsLost)
	}
	h.connection.outcome.Note(forward.ResetBy(!h.fromClient()))
	w.discard(h)
	switch {
	case !forward.Gone(errno):
		w.discard(h.opposite())
	case h.destination.tcp: // it has reset, or the kernel would wait for it
		w.notForLong(h.opposite())
	}
}

func (w *worker) countBytes(h *half, n int) {
	h.connection.silence.Active = w.now
	h.moved += uint64(n)
	if h.fromClient() {
		w.counters.BytesToTarget.Add(uint64(n))
		if h.connection.halfOpen.Dormant() {
			w.policy.Gate.Stir()
		}
	} else {
		w.counters.BytesToClient.Add(uint64(n))
	}
}
