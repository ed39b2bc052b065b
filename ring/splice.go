package ring

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/ring/uring"
)

// A half that streams is moved by splice(2) through a pipe, which passes pages on
// instead of copying bytes. The ring tells when its source has some or its
// destination room; the calls themselves are made inline and never wait, because
// IORING_OP_SPLICE always runs on another thread.
//
// A stream is drained as far as its turn goes: its peers are then woken once for
// much, not often for little, and waking them is what costs. Streams stand in line
// for their turns. Between two of them the worker looks for completions, so that a
// message waits for one turn at most.

// streamAfter pieces in a row of at least tuning.bulkSize make a stream.
const streamAfter = 2

// keepPipes is how many idle pipes a worker keeps for reuse. Most streams need one
// for their turn only.
const keepPipes = 8

// stream puts a half in line for its turn, once nothing received is left to send.
func (w *worker) stream(h *half) {
	if h.reading.inFlight() || h.writing.inFlight() || h.scheduled {
		return
	}
	if c := h.transfer; !c.nonblocking {
		c.nonblocking = true
		w.sockets.SetNonblocking(c.Client.FD)
		w.sockets.SetNonblocking(c.Target.FD)
	}
	h.scheduled = true
	w.streams.Join(&h.Half)
}

// advance gives the first half in line its turn.
func (w *worker) advance() {
	first := w.streams.Pop()
	if first == nil {
		return
	}
	h := w.halfOf(first)
	h.scheduled = false
	if h.Connection.Passing {
		w.pass(h)
	} else {
		w.splice(h)
	}
	w.Settle(h.Connection)
}

// splice is one turn of a half.
func (w *worker) splice(h *half) {
	for moved := 0; moved < w.turn; {
		n, more := w.fill(h)
		moved += n
		switch {
		case h.queued > 0 && !w.drain(h), h.Done:
			return
		case !more && h.queued == 0:
			w.putPipe(h)
			w.proceed(h)
			return
		}
	}
	w.stream(h)
}

// fill moves bytes from the source into the pipe. It returns how many, and whether
// there may be more at once; if not, it has seen to what comes next.
func (w *worker) fill(h *half) (n int, more bool) {
	if h.Ended || h.way != waySplice || !w.getPipe(h) {
		return 0, false
	}
	room := min(h.pipe.Size, w.Policy.Limits.BufferSize) - h.queued
	if room <= 0 {
		return 0, true
	}
	n, errno := w.sockets.Splice(h.Source.FD, h.pipe.Write, room)
	switch {
	case errno == unix.EINTR:
		return 0, true
	case errno == unix.EAGAIN && h.queued > 0:
		// Perhaps the pipe is full of small pieces: only with an empty one
		// it must be the source.
		return 0, false
	case errno == unix.EAGAIN && !h.readable:
		w.await(h)
		return 0, false
	case errno == unix.EAGAIN, errno == unix.EINVAL:
		// Bytes that splice does not pass: urgent data, or a kind of socket
		// that has no splice.
		h.noSplice = h.noSplice || errno == unix.EINVAL
		w.unstream(h)
		return 0, false
	case errno != 0:
		w.SourceFailed(&h.Half)
		return 0, false
	case n == 0:
		w.spliceEnded(h)
		return 0, false
	}
	h.readable = false
	h.queued += n
	h.Connection.Silence.Active = w.Now
	if n > w.smallSplice {
		h.small = 0
	} else if h.small++; h.small >= w.messagesAfter {
		w.unstream(h)
	}
	return n, h.way == waySplice
}

// drain moves bytes from the pipe to the destination. It returns false if that has
// no room now, or is gone.
func (w *worker) drain(h *half) bool {
	n, errno := w.sockets.Splice(h.pipe.Read, h.Destination.FD, h.Piece(h.queued))
	switch errno {
	case 0:
		h.Short = h.Short || n < h.queued
		h.queued -= n
		w.Count(&h.Half, int(n))
	case unix.EINTR:
	case unix.EAGAIN:
		w.awaitRoom(h)
		return false
	default:
		w.destinationFailed(h, errno)
		return false
	}
	return true
}

// awaitRoom waits for room at the destination. Where the destination has ended its own
// stream a poll has POLLRDHUP to tell of at once, so it must go on after that.
func (w *worker) awaitRoom(h *half) {
	h.writing, w.lookout.restless = writingPoll, true
	h.transfer.inFlight++
	poll := w.ring.Poll
	if h.deafTo || h.opposite().Ended {
		poll = w.ring.PollMultishot
	}
	poll(h.Destination.FD, unix.POLLOUT, uint64(h.transfer.userData(h.sendOp)))
}

// await waits for bytes from the source.
func (w *worker) await(h *half) {
	h.reading = readingPoll
	h.transfer.inFlight++
	w.ring.Poll(h.Source.FD, unix.POLLIN|unix.POLLRDHUP, uint64(h.transfer.userData(h.recvOp)))
}

// readable handles the end of a wait for the source.
func (w *worker) readable(h *half, completion uring.Completion) {
	h.reading = readingNothing
	h.transfer.inFlight--
	if h.Connection.State == connection.Greeting {
		w.greeted(h.Connection, completion.Errno())
		return
	}
	switch errno := completion.Errno(); errno {
	case 0:
		h.readable = true
	case unix.ECANCELED, unix.EINTR:
	default: // it cannot be waited for
		w.SourceFailed(&h.Half)
	}
	w.proceed(h)
}

// writable handles the end of a wait for the destination.
func (w *worker) writable(h *half, completion uring.Completion) {
	room := completion.Result&(unix.POLLOUT|unix.POLLERR|unix.POLLHUP) != 0
	if completion.More() {
		if room {
			w.stopSending(h)
		}
		return
	}
	h.writing = writingNothing
	h.transfer.inFlight--
	switch errno := completion.Errno(); errno {
	case 0:
		h.deafTo = h.deafTo || !room // the destination has just ended its stream
	case unix.ECANCELED, unix.EINTR:
	default: // it cannot be waited for
		w.destinationFailed(h, errno)
	}
	w.proceed(h)
}

// unstream makes a half receive again, when its pipe is empty.
func (w *worker) unstream(h *half) {
	h.way, h.large, h.small = w.firstWay(), 0, 0
}

// getPipe sees to it that a half has a pipe. Where descriptors may be wanted for
// connections, it receives from then on.
func (w *worker) getPipe(h *half) bool {
	if h.pipe != nil {
		return true
	}
	pipe, err := w.pipes.Get()
	if err != nil {
		h.noSplice = true
		w.unstream(h)
		return false
	}
	h.pipe = pipe
	return true
}

// putPipe gives an empty pipe back: an idle connection holds none.
func (w *worker) putPipe(h *half) {
	if h.pipe != nil {
		w.pipes.Put(h.pipe)
		h.pipe = nil
	}
}

// discardPipe drops a pipe and what is in it.
func (w *worker) discardPipe(h *half) {
	if h.pipe != nil {
		w.pipes.Discard(h.pipe)
		h.pipe = nil
	}
}
