package ring

import (
	"fmt"

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
	pipes   *bufpool.Pipes
	sockets sockets

	// closesAtOnce makes close not wait for the batch. Of several workers, one
	// could otherwise let a connection in while the one that made room for it
	// is still open, and its target would see one too many.
	closesAtOnce bool

	// What the kernel has and is used.
	acceptMultishot, recvMultishot, recvLimit, splices bool
	features                                           []string // all of that, by name

	busyPoll connection.BusyPoll
	tuning
	lowWater int // a half with at most that many bytes queued reads on

	fault     error       // why the worker cannot go on
	transfers []*transfer // by slot
	addresses addressTable
	timers    timerTable
	wakeups   []byte // the inbox's eventfd is read into it

	missed   missed
	closes   int // in the batch at hand
	lookout  lookout
	scarcity scarcity
	streams  connection.Line // halves whose turn is to come
	passed   []byte          // what a half that passes descriptors on has received in its turn
}

// run is the event loop: one system call for each batch of completions and of
// the operations they lead to.
func (w *worker) run() error {
	w.listen()
	if err := w.Listen(); err != nil {
		return err
	}
	for !w.Over() {
		if err := w.wait(); err != nil {
			return err
		}
		w.closes = 0
		w.ReadClock()
		if err := w.catchUp(w.ring.Reap(w.handle)); err != nil {
			return err
		}
		if w.fault != nil {
			return w.fault
		}
		w.GoOff()
		w.feed()
		w.advance()
		w.endRound()
		w.Pulse.Round(w.Index)
	}
	return w.ring.Flush() // the last closes
}

// wait returns when there are completions to reap, as a rule, or streams to go on
// with.
func (w *worker) wait() error {
	if w.streams.Len() > 0 {
		return w.ring.Submit()
	}
	if w.busyPoll.Pays() {
		found, err := w.ring.SubmitAndPoll(w.busyPoll.Limit())
		w.busyPoll.Polled(found)
		if found || err != nil {
			return err
		}
	}
	sleep := w.ring.SubmitAndWait
	if w.lookout.grace > 0 {
		sleep = w.ring.SubmitAndWaitBriefly
	}
	began := w.busyPoll.Began()
	err := sleep(w.UntilAlarm())
	w.busyPoll.Slept(began)
	return err
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
	for round := 0; w.streams.Len() > 0 && reaped >= taskBatch && round < catchUpRounds; round++ {
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
		w.expired(w.timers.timers[data.slot()])
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
		w.pool.Release(w.pool.Take(id, uint32(max(completion.Result, 0)), completion.BufferMore()))
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
