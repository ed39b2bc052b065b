package fallback

import (
	"golang.org/x/sys/unix"
)

// When a half changes between copying and splicing.
const (
	// streamAfter receives that fill the block make a stream.
	streamAfter = 2
	// smallSplice is what a splice moves at most to count as small, bytes;
	// messagesAfter of them in a row make the half copy again.
	smallSplice   = 4 << 10
	messagesAfter = 32
)

// receive reads from a half's source, if there may be something and there is
// room, and reports whether anything came of it.
func (w *worker) receive(h *half) bool {
	switch {
	case !h.from.readable || h.Ended || h.Done:
		return false
	case h.Connection.Passing:
		return w.receivePassing(h)
	case h.splicing && len(h.rest) == 0:
		return w.receiveSplicing(h)
	case h.empty():
		return w.receiveCopying(h)
	}
	return false
}

// receiveCopying reads into the worker's block and sends that on at once; what
// does not go moves to a block of the half's own.
func (w *worker) receiveCopying(h *half) bool {
	n, errno := recv(h.Source.FD, w.block)
	switch {
	case errno == unix.EAGAIN && h.from.urgent && w.sockets.Events(h.Source.FD, unix.POLLIN) != 0:
		// A receive at the urgent mark says that there is nothing while a signal is
		// pending (tcp_recvmsg_locked in net/ipv4/tcp.c).
		return true
	case errno == unix.EAGAIN:
		h.from.readable = false
		return false
	case errno == unix.EINTR:
		return true
	case errno != 0:
		w.SourceFailed(&h.Half)
		return true
	case n == 0:
		w.sourceEnded(h)
		return true
	}
	if n < len(w.block) {
		h.from.readable = !h.from.drained
		h.full = 0
	} else if h.full++; h.full >= streamAfter && !h.noSplice && w.Policy.Limits.BufferSize > smallSplice {
		h.splicing, h.small = true, 0
	}
	h.Connection.Silence.Active = w.Now
	w.budget -= n
	w.sendCopying(h, w.block[:n])
	return true
}

// receiveSplicing moves bytes from the source into a pipe.
func (w *worker) receiveSplicing(h *half) bool {
	if h.pipe == nil {
		pipe, err := w.pipes.Get()
		if err != nil {
			// Connections may want the descriptors: copying needs none.
			h.noSplice, h.splicing, h.full = true, false, 0
			return true
		}
		h.pipe = pipe
	}
	room := min(min(h.pipe.Size, w.Policy.Limits.BufferSize)-h.queued, w.budget)
	if room <= 0 {
		return false
	}
	n, errno := w.sockets.Splice(h.Source.FD, h.pipe.Write, room)
	defer w.putPipe(h)
	switch {
	case (errno == unix.EAGAIN || errno == 0 && n == 0) && h.queued > 0:
		// Perhaps the pipe is full of small pieces, or it is as below: with an
		// empty one that can be told.
		return false
	case errno == unix.EAGAIN, errno == 0 && n == 0:
		// Nothing there; or the stream stands at urgent data, which splice does
		// not pass and a plain read does. There it also says that the stream is
		// over if the FIN has come (tcp_splice_read in net/ipv4/tcp.c).
		return w.receiveCopying(h)
	case errno == unix.EINTR:
		return true
	case errno == unix.EINVAL && h.queued == 0:
		h.noSplice, h.splicing, h.full = true, false, 0
		return true
	case errno != 0:
		w.SourceFailed(&h.Half)
		return true
	}
	h.queued += n
	h.Connection.Silence.Active = w.Now
	w.budget -= n
	if n > smallSplice {
		h.small = 0
	} else if h.small++; h.small >= messagesAfter {
		h.splicing, h.full = false, 0
	}
	return true
}

// putPipe gives an empty pipe back.
func (w *worker) putPipe(h *half) {
	if h.pipe != nil && h.queued == 0 {
		w.pipes.Put(h.pipe)
		h.pipe = nil
	}
}
