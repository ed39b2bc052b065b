package connection

import (
	"syscall"

	"uring-socket-proxyd/internal/forward"
)

// A half that streams is moved by splice(2) through a pipe, which passes pages on instead of
// copying bytes. The calls never wait. A stream is drained as far as its turn goes: its
// peers are then woken once for much, not often for little, and waking them is what costs.
// Streams stand in line for their turns; between two of them the worker looks for what has
// happened, so that a message waits for one turn at most.

// Tuning says when a half changes the way it moves bytes. Tests use small values.
type Tuning struct {
	SmallSplice   int    // a splice of at most that many bytes is small
	MessagesAfter uint32 // so many small ones in a row make a stream copy messages again
	TurnBytes     int    // bytes that a stream may move before others get their turn
}

var defaultTuning = Tuning{SmallSplice: 4 << 10, MessagesAfter: 32, TurnBytes: forward.Turn}

// streamAfter large pieces in a row make a stream.
const streamAfter = 2

// KeepPipes is how many idle pipes a worker keeps for reuse. Most streams need one only for
// their turn.
const KeepPipes = 8

// streak is what a half's way is judged by.
type streak struct {
	large uint32 // large pieces in a row
	small uint32 // small splices in a row
}

// Streams tells whether a half becomes a stream, whose last piece was large, or was not.
func (h *Half) Streams(large bool) bool {
	if !large {
		h.streak.large = 0
		return false
	}
	h.streak.large++
	return h.streak.large >= streamAfter && h.Way != WaySplice && !h.NoSplice
}

// Unstream makes a half copy again, once its pipe is empty.
func (k *Keeper) Unstream(h *Half) { h.Way, h.streak = k.FirstWay, streak{} }

// TakePipe sees to it that a half has a pipe. If descriptors may be wanted for connections,
// it copies from then on.
func (k *Keeper) TakePipe(h *Half) bool {
	if h.Pipe != nil {
		return true
	}
	pipe, err := k.pipes.Get()
	if err != nil {
		h.NoSplice = true
		k.Unstream(h)
		return false
	}
	h.Pipe = pipe
	return true
}

// PutPipe gives an empty pipe back: an idle connection holds none.
func (k *Keeper) PutPipe(h *Half) {
	if h.Pipe != nil && h.Held == 0 {
		k.pipes.Put(h.Pipe)
		h.Pipe = nil
	}
}

// DiscardPipe drops a pipe and what is in it.
func (k *Keeper) DiscardPipe(h *Half) {
	if h.Pipe != nil {
		k.pipes.Discard(h.Pipe)
		h.Pipe, h.Held = nil, 0
	}
}

// Fill moves up to most bytes from a half's source into its pipe, as many as it may hold.
// room tells whether it may hold any. Without an error, n of 0 is what the kernel calls the
// end.
func (k *Keeper) Fill(h *Half, most int) (n int, errno syscall.Errno, room bool) {
	most = min(most, min(h.Pipe.Size, k.Policy.Limits.BufferSize)-h.Held)
	if most <= 0 {
		return 0, 0, false
	}
	n, errno = k.Sockets.Splice(h.Source.FD, h.Pipe.Write, most)
	if errno != 0 || n == 0 {
		return 0, errno, true
	}
	k.Received(h, n)
	if n > k.SmallSplice {
		h.streak.small = 0
	} else if h.streak.small++; h.streak.small >= k.MessagesAfter {
		k.Unstream(h)
	}
	return n, 0, true
}

// Drain moves bytes from a half's pipe to its destination, and returns the kernel's error.
func (k *Keeper) Drain(h *Half) syscall.Errno {
	n, errno := k.Sockets.Splice(h.Pipe.Read, h.Destination.FD, h.Piece(h.Held))
	if errno == 0 {
		h.Short = h.Short || n < h.Held
		k.Sent(h, n)
	}
	return errno
}

// Schedule puts a half in line for its turn.
func (k *Keeper) Schedule(h *Half) {
	if !h.scheduled {
		h.scheduled = true
		k.streams.Join(h)
	}
}

// Scheduled tells whether it is in line.
func (h *Half) Scheduled() bool { return h.scheduled }

// Advance gives the first half in line its turn.
func (k *Keeper) Advance() {
	if first := k.streams.Pop(); first != nil {
		first.scheduled = false
		k.mover.Turn(first)
		k.Settle(first.Connection)
	}
}
