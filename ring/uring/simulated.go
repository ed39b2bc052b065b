package uring

import "sync/atomic"

// Queues is the kernel's view of the two queues of a simulated ring.
type Queues struct{ ring *Ring }

// NewSimulated returns a ring in plain memory whose other side is kernel, and that
// side's view of the queues. Everything above runs on it unchanged.
func NewSimulated(cfg Config, kernel Kernel) (*Ring, Queues) {
	heads := make([]uint32, 5)
	r := &Ring{
		kernel: kernel,
		fd:     -1,
		sqHead: &heads[0], sqTail: &heads[1], sqFlags: &heads[2],
		cqHead: &heads[3], cqTail: &heads[4],
		sqMask: cfg.Entries - 1, cqMask: cfg.CQEntries - 1,
		sqes: make([]SQE, cfg.Entries),
		cqes: make([]CQE, cfg.CQEntries),
	}
	return r, Queues{r}
}

// Take consumes the next submission, if there is one.
func (q Queues) Take() (SQE, bool) {
	head := *q.ring.sqHead
	if head == atomic.LoadUint32(q.ring.sqTail) {
		return SQE{}, false
	}
	sqe := q.ring.sqes[head&q.ring.sqMask]
	atomic.StoreUint32(q.ring.sqHead, head+1)
	return sqe, true
}

// Post adds a completion; it reports false if the queue is full.
func (q Queues) Post(cqe CQE) bool {
	tail := *q.ring.cqTail
	if tail-atomic.LoadUint32(q.ring.cqHead) > q.ring.cqMask {
		return false
	}
	q.ring.cqes[tail&q.ring.cqMask] = cqe
	atomic.StoreUint32(q.ring.cqTail, tail+1)
	return true
}

// Ready returns the number of completions that the application has not reaped.
func (q Queues) Ready() int { return int(q.ring.ready()) }
