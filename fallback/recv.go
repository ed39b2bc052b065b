package fallback

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
)

// receive reads from a half's source, if there may be something and there is
// room, and reports whether anything came of it.
func (w *worker) receive(h *half) bool {
	switch {
	case !h.from.readable || h.Ended() || h.Done:
		return false
	case h.Connection.Passing:
		return w.receivePassing(h)
	case h.Way == connection.WaySplice && len(h.rest) == 0:
		return w.receiveSplicing(h)
	}
	return h.Held == 0 && w.receiveCopying(h)
}

// receiveCopying reads into the worker's block and sends that on at once; what
// does not go moves to a block of the half's own.
func (w *worker) receiveCopying(h *half) bool {
	n, errno := recv(h.Source.FD, w.block)
	if errno == unix.EAGAIN && h.from.urgent && w.Sockets.Events(h.Source.FD, unix.POLLIN) != 0 {
		// A receive at the urgent mark says that there is nothing while a signal is
		// pending (tcp_recvmsg_locked in net/ipv4/tcp.c).
		return true
	}
	if errno != 0 || n == 0 {
		return w.nothing(h, errno)
	}
	h.from.readable = n == len(w.block) || !h.from.drained
	if h.Streams(n == len(w.block)) && w.Policy.Limits.BufferSize > w.SmallSplice {
		h.Way = connection.WaySplice
	}
	w.received(h, n)
	return true
}

// nothing handles a receive that has brought nothing: an error, or the end. It reports
// whether anything came of it.
func (w *worker) nothing(h *half, errno syscall.Errno) bool {
	h.from.readable = w.ReceivedNothing(&h.Half, errno) != connection.Nothing
	return h.from.readable
}

// received sends what has been received into the worker's block.
func (w *worker) received(h *half, n int) {
	w.Received(&h.Half, n)
	w.budget -= n
	w.sendCopying(h, w.block[:n])
}

// receiveSplicing moves bytes from the source into a pipe.
func (w *worker) receiveSplicing(h *half) bool {
	if !w.TakePipe(&h.Half) { // descriptors may be wanted: copying needs none
		return true
	}
	defer w.PutPipe(&h.Half)
	n, errno, room := w.Fill(&h.Half, w.budget)
	switch found := errno == 0 || errno == unix.EAGAIN; {
	case !room:
		return false
	case n > 0:
		w.budget -= n
		return true
	case found && h.Held > 0:
		// Perhaps the pipe is full of small pieces, or it is as below: with an
		// empty one that can be told.
		return false
	case found:
		// Nothing there; or the stream stands at urgent data, which splice does
		// not pass and a plain read does. There it also says that the stream is
		// over if the FIN has come (tcp_splice_read in net/ipv4/tcp.c).
		return w.receiveCopying(h)
	case errno == unix.EINVAL && h.Held == 0:
		h.NoSplice = true
		w.Unstream(&h.Half)
		return true
	}
	return w.nothing(h, errno)
}
