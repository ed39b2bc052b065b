package ring

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/ring/uring"
)

// The ring tells when a stream's source has some or its destination room; the splices
// themselves are made inline and never wait, because IORING_OP_SPLICE always runs on another
// thread. What else there is to streams is in connection/stream.go.

// stream puts a half in line for its turn, once nothing received is left to send.
func (w *worker) stream(h *half) {
	if h.Reading.InFlight() || h.Writing.InFlight() || h.Scheduled() {
		return
	}
	if c := h.transfer; !c.nonblocking {
		c.nonblocking = true
		w.sockets.SetNonblocking(c.Client.FD)
		w.sockets.SetNonblocking(c.Target.FD)
	}
	w.Schedule(&h.Half)
}

// Turn implements connection.Mover.
func (w *worker) Turn(of *connection.Half) {
	h := w.halfOf(of)
	if h.Connection.Passing {
		w.pass(h)
	} else {
		w.splice(h)
	}
}

// splice is one turn of a half.
func (w *worker) splice(h *half) {
	for moved := 0; moved < w.TurnBytes; {
		n, more := w.fill(h)
		moved += n
		switch {
		case h.Held > 0 && !w.drain(h), h.Done:
			return
		case !more && h.Held == 0:
			w.PutPipe(&h.Half)
			w.proceed(h)
			return
		}
	}
	w.stream(h)
}

// fill moves bytes from the source into the pipe. It returns how many, and whether
// there may be more at once; if not, it has seen to what comes next.
func (w *worker) fill(h *half) (n int, more bool) {
	if h.Ended() || h.Way != connection.WaySplice || !w.TakePipe(&h.Half) {
		return 0, false
	}
	n, errno, room := w.Fill(&h.Half, bufpool.MaxPipe)
	switch {
	case !room, errno == unix.EINTR:
		return 0, true
	case errno == unix.EAGAIN && h.Held > 0:
		// Perhaps the pipe is full of small pieces: only with an empty one
		// it must be the source.
		return 0, false
	case errno == unix.EAGAIN && !h.readable:
		w.await(h)
		return 0, false
	case errno == unix.EAGAIN, errno == unix.EINVAL:
		// Bytes that splice does not pass: urgent data, or a kind of socket
		// that has no splice.
		h.NoSplice = h.NoSplice || errno == unix.EINVAL
		w.Unstream(&h.Half)
		return 0, false
	case errno != 0:
		w.SourceFailed(&h.Half)
		return 0, false
	case n == 0:
		w.spliceEnded(h)
		return 0, false
	}
	h.readable = false
	return n, h.Way == connection.WaySplice
}

// drain moves bytes from the pipe to the destination. It returns false if that has
// no room now, or is gone.
func (w *worker) drain(h *half) bool {
	switch errno := w.Drain(&h.Half); errno {
	case 0, unix.EINTR:
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
	h.Writing = connection.WritingPoll
	w.Restless()
	h.transfer.inFlight++
	poll := w.ring.Poll
	if h.deafTo || h.opposite().Ended() {
		poll = w.ring.PollMultishot
	}
	poll(h.Destination.FD, unix.POLLOUT, uint64(h.transfer.userData(h.sendOp)))
}

// await waits for bytes from the source.
func (w *worker) await(h *half) {
	h.Reading = connection.ReadingPoll
	h.transfer.inFlight++
	w.ring.Poll(h.Source.FD, unix.POLLIN|unix.POLLRDHUP, uint64(h.transfer.userData(h.recvOp)))
}

// readable handles the end of a wait for the source.
func (w *worker) readable(h *half, completion uring.Completion) {
	h.Reading = connection.ReadingNothing
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
	h.Writing = connection.WritingNothing
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
