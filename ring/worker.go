package ring

import (
	"fmt"
	"time"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/statistics"
	"uring-socket-proxyd/ring/uring"
)

// worker is one OS thread with one ring, shared by all its connections. Nothing
// but the inbox may be touched from elsewhere.
type worker struct {
	connection.Keeper
	ring    *uring.Ring
	pool    *bufpool.Pool
	sockets sockets

	// closesAtOnce makes close not wait for the batch. Of several workers, one
	// could otherwise let a connection in while the one that made room for it
	// is still open, and its target would see one too many.
	closesAtOnce bool

	// What the kernel has and is used.
	acceptMultishot, recvMultishot, recvLimit, splices bool
	features                                           []string // all of that, by name

	sizes    sizes
	lowWater int // a half that holds at most that many bytes reads on

	fault     error       // why the worker cannot go on
	transfers []*transfer // by slot
	addresses addressTable
	timespecs timespecs
	wakeups   []byte // the inbox's eventfd is read into it

	missed   missed
	closes   int // in the batch at hand
	watches  watches
	scarcity scarcity
	passed   []byte // what a half that passes descriptors on has received in its turn
}

// Run implements crew.Worker: one system call for each batch of completions and of
// the operations they lead to.
func (w *worker) Run() error {
	w.listen()
	if err := w.Serve(); err != nil {
		return err
	}
	return w.ring.Flush() // the last closes
}

// Sleep implements connection.Mover.
func (w *worker) Sleep(limit time.Duration) error {
	switch {
	case limit == 0:
		return w.ring.Submit()
	case w.watches.grace > 0:
		return w.ring.SubmitAndWaitBriefly(limit)
	}
	return w.ring.SubmitAndWait(limit)
}

// Poll implements connection.Mover.
func (w *worker) Poll(limit time.Duration) (found bool, err error) {
	return w.ring.SubmitAndPoll(limit)
}

// Handle implements connection.Mover.
func (w *worker) Handle() error {
	w.closes = 0
	if err := w.catchUp(w.ring.Reap(w.handle)); err != nil {
		return err
	}
	return w.fault
}

// EndRound implements connection.Mover.
func (w *worker) EndRound() {
	w.feed()
	w.countRound()
}

// A kernel with IORING_SETUP_DEFER_TASKRUN completes at most taskBatch operations
// when it is entered without waiting (IO_LOCAL_TW_DEFAULT_MAX; seen on 6.18). catchUpRounds
// bounds how many of such batches may keep streams waiting.
const (
	taskBatch     = 20
	catchUpRounds = 16
)

// catchUp handles what else has completed before a stream gets its turn.
func (w *worker) catchUp(reaped int) error {
	for round := 0; w.Streaming() && reaped >= taskBatch && round < catchUpRounds; round++ {
		if err := w.ring.Submit(); err != nil {
			return err
		}
		reaped = w.ring.Reap(w.handle)
	}
	return nil
}

// handle dispatches one completion to what it belongs to.
func (w *worker) handle(completion uring.Completion) {
	data := userData(completion.UserData)
	switch op := data.operation(); op {
	case opRecvClient, opRecvTarget, opSendTarget, opSendClient, opWatchClient, opWatchTarget, opConnect:
		c := w.transfers[data.slot()]
		if c.Generation != data.generation() || !c.expects(op) {
			w.stale(completion)
			return
		}
		switch op {
		case opConnect:
			w.connected(c, completion)
		case opRecvClient, opRecvTarget:
			w.received(c.half(op), completion)
		case opWatchClient, opWatchTarget:
			w.watched(c.half(op), completion)
		default:
			w.sent(c.half(op), completion)
		}
	case opAccept:
		w.accepted(w.Listener(data.slot()), completion)
	case opTimer:
		w.Timer(int(data.slot())).Expire()
	case opWake:
		w.woken(completion.Errno())
	case opClose:
		w.closeFailed(int(data.generation()), completion.Errno())
	default:
		if op&opCancel == 0 {
			panic(fmt.Sprintf("ring: completion of %v", op))
		}
		w.cancelled(data, completion.Errno())
	}
}

// stale drops a completion that nobody waits for: of an operation whose connection is
// gone, so that it is never taken for one of the slot's new connection, or one too
// many. A buffer that came with it goes back.
func (w *worker) stale(completion uring.Completion) {
	w.Counts.Stale.Add(1)
	if id, ok := completion.Buffer(); ok {
		w.pool.Release(w.pool.Take(id, uint32(max(completion.Result, 0))))
	}
}

// Sample implements crew.Member.
func (w *worker) Sample() statistics.Sample {
	stats := &w.ring.Stats
	return statistics.Sample{
		Ring: statistics.RingCounts{
			Enters:      stats.Enters,
			Submissions: stats.Submissions,
			Completions: stats.Completions,
			Overflows:   stats.Overflows,
			Dropped:     uint64(w.ring.Dropped()),
			Full:        stats.SQFull,
		},
		Pool: statistics.PoolUse{
			Buffers:   w.pool.Buffers(),
			Available: w.pool.Available(),
			Bytes:     w.pool.Bytes(),
			Parked:    w.pool.Parked(),
		},
	}
}
