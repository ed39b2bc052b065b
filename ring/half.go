package ring

import (
	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
)

// half is one direction of a connection: recv -> buffer -> send -> end.
//
// Invariants:
//   - At most one send is in flight, always of the queue's first piece; bytes
//     leave in the order in which they came.
//   - Reading and Writing last from submission to the last completion; a
//     descriptor is closed, and a piece released, only when the kernel is done
//     with it.
//   - Once done, nothing more is received or sent, and the queue is empty but
//     for the piece of a send still in flight.
type half struct {
	connection.Half
	transfer       *transfer
	recvOp, sendOp operation

	queue   queue
	watched watched

	readable bool // the kernel has said that its source has something
	deafTo   bool // a poll for room is told of the end of its destination's own stream

	messages uint32 // messages in a row
	sendTick uint32 // the worker's tick when the send in flight began
}

func (h *half) begin(c *transfer, recvOp, sendOp operation) {
	*h = half{transfer: c, recvOp: recvOp, sendOp: sendOp, queue: queue{pieces: h.queue.pieces[:0]}}
}

// watchOp is the operation that watches a half's source.
func (h *half) watchOp() operation {
	if h.FromClient() {
		return opWatchClient
	}
	return opWatchTarget
}

// opposite is the half in the other direction.
func (h *half) opposite() *half {
	if h == &h.transfer.toTarget {
		return &h.transfer.toClient
	}
	return &h.transfer.toTarget
}

// queue is a FIFO of pieces that keeps its memory, so that a connection in
// steady state allocates nothing.
type queue struct {
	pieces []bufpool.Piece
	head   int
}

func (q *queue) empty() bool           { return q.head == len(q.pieces) }
func (q *queue) len() int              { return len(q.pieces) - q.head }
func (q *queue) first() *bufpool.Piece { return &q.pieces[q.head] }
func (q *queue) last() *bufpool.Piece  { return &q.pieces[len(q.pieces)-1] }

// all is valid until the next change.
func (q *queue) all() []bufpool.Piece { return q.pieces[q.head:] }

func (q *queue) push(p bufpool.Piece) {
	if len(q.pieces) == cap(q.pieces) && q.head > 0 {
		q.pieces = q.pieces[:copy(q.pieces, q.pieces[q.head:])]
		q.head = 0
	}
	q.pieces = append(q.pieces, p)
}

func (q *queue) pop() {
	q.head++
	if q.empty() {
		q.truncate(0)
	}
}

// truncate keeps the first n pieces.
func (q *queue) truncate(n int) {
	q.pieces = q.pieces[:q.head+n]
	if n == 0 {
		q.pieces, q.head = q.pieces[:0], 0
	}
}
