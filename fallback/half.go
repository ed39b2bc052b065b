package fallback

import (
	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/forward"
)

// half is one direction of a connection: receive -> buffer -> send -> end.
//
// Short messages are copied through the worker's block and leave at once; what
// the destination does not take stays in a block of the half's own. A stream is
// spliced through a pipe. Either is held only while bytes are in it.
//
// Invariants:
//   - At most one of rest and pipe holds bytes; nothing is received by copying
//     while any are held, so that bytes leave in the order in which they came.
//   - Once done, nothing more is received or sent, and nothing is held.
type half struct {
	connection          *connection
	source, destination *side

	block *bufpool.Block // while rest is not empty
	rest  []byte         // part of block that is still to be sent

	pipe   *bufpool.Pipe // while it holds bytes
	queued int           // bytes in pipe

	passed  []int // descriptors, owned, that go with the first byte of rest
	closing bool  // those that it had before are being closed: it receives nothing

	short     bool  // a splice to its destination came short, and may have taken the socket's error
	splicing  bool  // moves bytes by splice, not by copying
	noSplice  bool  // this kind of socket refuses it
	full      uint8 // receives in a row that filled the block
	small     uint8 // splices in a row that moved little
	scheduled bool  // in line to go on after other events

	ended  bool // the source has no more bytes for us
	failed bool // ... because it broke: the destination is to be reset
	done   bool

	moved uint64 // bytes sent so far
}

// fromClient tells whether a half's source is the client.
func (h *half) fromClient() bool { return h == &h.connection.toTarget }

// end notes that the source has ended its stream.
func (h *half) end() {
	h.ended = true
	h.connection.outcome.Note(forward.EndedBy(h.fromClient()))
}

// piece is how many of n bytes go to the destination at once.
func (h *half) piece(n int) int {
	if h.fromClient() {
		return n
	}
	return h.connection.route.Piece(n)
}

// opposite is the half in the other direction.
func (h *half) opposite() *half {
	if h.fromClient() {
		return &h.connection.toClient
	}
	return &h.connection.toTarget
}

// empty tells that nothing received is left to send.
func (h *half) empty() bool { return len(h.rest) == 0 && h.queued == 0 }
