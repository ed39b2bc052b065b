package fallback

import (
	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
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
	connection.Half
	transfer *transfer
	from, to *side // what epoll has said of its source and its destination

	block *bufpool.Block // while rest is not empty
	rest  []byte         // part of block that is still to be sent

	pipe   *bufpool.Pipe // while it holds bytes
	queued int           // bytes in pipe

	splicing  bool  // moves bytes by splice, not by copying
	noSplice  bool  // this kind of socket refuses it
	full      uint8 // receives in a row that filled the block
	small     uint8 // splices in a row that moved little
	scheduled bool  // in line to go on after other events
}

// opposite is the half in the other direction.
func (h *half) opposite() *half {
	if h == &h.transfer.toTarget {
		return &h.transfer.toClient
	}
	return &h.transfer.toTarget
}

// empty tells that nothing received is left to send.
func (h *half) empty() bool { return len(h.rest) == 0 && h.queued == 0 }
