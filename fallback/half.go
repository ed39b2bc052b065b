package fallback

import (
	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
)

// half is one direction of a connection.
//
// Short messages are copied through the worker's block and leave at once; what
// the destination does not take stays in a block of the half's own. A stream is
// spliced through a pipe. Either is held only while bytes are in it.
//
// Invariants:
//   - At most one of rest and the pipe holds bytes; nothing is received by copying
//     while any are held, so that bytes leave in the order in which they came.
//   - Once done, nothing more is received or sent, and nothing is held.
type half struct {
	connection.Half
	from, to *side // what epoll has said of its source and its destination

	block *bufpool.Block // while rest is not empty
	rest  []byte         // part of block that is still to be sent
}
