// Package ring is the io_uring engine: workers, each of which is one OS thread with
// one ring and one buffer pool, move the bytes of all connections by submitting
// operations and handling their completions.
//
// What a connection does outside its bytes is in package connection. The way of a byte, one
// file for each step: recv.go, send.go, proceed.go (what comes next, and the end); splice.go
// for streams, passing.go for passed descriptors. What crosses threads crosses in
// crew.Inbox.
//
// Invariants:
//   - A connection belongs to one worker, from when that takes the client, at
//     accept or out of its inbox, to close; no locks.
//   - A descriptor is closed, a buffer reused and a slot freed only when no
//     operation that knows of it is in flight (transfer.inFlight).
//   - The kernel's memory (buffers, addresses, timespecs) is off the Go heap.
package ring

import (
	"errors"
	"fmt"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/ring/uring"
)

// ringSize is that of a worker's ring. A batch larger than Entries costs an extra
// system call; more completions at once than CQEntries take the kernel's overflow
// list.
var ringSize = uring.Config{Entries: 1024, CQEntries: 8192}

// Engine implements forward.Engine over io_uring.
type Engine struct {
	*crew.Crew
	features []string // that the workers use
}

// Selection switches features of io_uring on or off; nil leaves them as they are.
type Selection = uring.Selection

// ParseSelection reads a list such as "-recv-multishot,+sqpoll".
func ParseSelection(list string) (Selection, error) { return uring.ParseSelection(list) }

// New sets the engine up: threads, rings, buffers. The error says why io_uring
// cannot be used here. Listeners stay the caller's.
func New(policy *forward.Policy, services *crew.Services, selection Selection) (*Engine, error) {
	return newEngine(policy, services, selection, ringSize, nil)
}

// newEngine is New with the size of the rings. hired, if not nil, is called with each
// worker, on its thread, before that does anything.
func newEngine(policy *forward.Policy, services *crew.Services, selection Selection, size uring.Config, hired func(*worker)) (*Engine, error) {
	e := &Engine{Crew: crew.New(policy, services)}
	err := e.Hire(func(index int) (crew.Worker, error) {
		w, err := newWorker(policy, services, selection, size, e.Crew, index)
		if err != nil {
			return nil, err
		}
		if hired != nil {
			hired(w)
		}
		e.features = w.features
		return w, nil
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Refusal words an error of New for whoever can do something about it.
func Refusal(err error) string {
	var pool *bufpool.NoRoom
	if errors.As(err, &pool) {
		return fmt.Sprintf("there is no room for a pool of %d MiB (%v); give a smaller --pool-size=, or raise LimitAS= or LimitDATA=", pool.Size>>20, errors.Unwrap(pool))
	}
	return uring.Refusal(err)
}

// Run implements forward.Engine.
func (e *Engine) Run() error { return e.Serve(false) } // sockets stay as accept leaves them

// Name implements forward.Engine.
func (e *Engine) Name() string { return "uring" }

// Features implements forward.Engine.
func (e *Engine) Features() []string { return e.features }

// newWorker makes a worker on the calling thread.
func newWorker(policy *forward.Policy, services *crew.Services, selection Selection, size uring.Config, workers *crew.Crew, index int) (*worker, error) {
	size.Polled = policy.BusyPoll > 0
	ring, features, err := uring.New(size, selection)
	if err != nil {
		return nil, err
	}
	shape := poolShape(policy.Limits.PoolSize)
	shape.Block = policy.BlockSize()
	pool, err := bufpool.New(shape, ring.Registrar())
	if err != nil {
		ring.Close()
		return nil, err
	}
	w := &worker{
		ring:            ring,
		pool:            pool,
		sockets:         connection.SystemSockets(policy),
		closesAtOnce:    policy.Workers > 1,
		features:        features.InUse(),
		acceptMultishot: features.Uses(uring.FeatureAcceptMultishot) && !policy.Limits.Tight(),
		recvMultishot:   features.Uses(uring.FeatureRecvMultishot),
		recvLimit:       features.Uses(uring.FeatureRecvLimit),
		splices:         features.Uses(uring.FeatureSplice),
		sizes:           usualSizes,
		lowWater:        policy.Limits.BufferSize / 2,
	}
	w.Init(policy, services, workers, index, w.sockets, w)
	w.Waits, w.FirstWay = true, firstWay(w.recvLimit)
	// A buffer's end cuts pieces short, and so does what a half may hold.
	w.sizes.bulk = min(w.sizes.bulk, int32(shape.Size/2), int32(policy.Limits.BufferSize/2))
	w.splices = w.splices && policy.Limits.BufferSize > w.SmallSplice
	if err := w.prepare(); err != nil {
		w.Release()
		return nil, err
	}
	if index == 0 { // and so it is with the others
		for _, unmet := range features.Unmet() {
			services.Log.Warn("io_uring is used without a feature", "feature", unmet.Toggle, "reason", unmet.Why)
		}
	}
	return w, nil
}

// prepare makes what does not depend on the kernel's features.
func (w *worker) prepare() error {
	var err error
	if w.wakeups, err = bufpool.Map(8); err != nil {
		return err
	}
	if err = w.Prepare(); err != nil {
		return err
	}
	w.scarcity.timer = w.NewTimer(w.relieve)
	w.missed.timer = w.NewTimer(w.cancelMissed)
	w.timespecs, err = newTimespecs(w.Timers())
	return err
}

// Release implements crew.Worker. The ring goes first: it knows the rest.
func (w *worker) Release() {
	w.ring.Close()
	w.cutOff()
	w.pool.Close()
	w.addresses.close()
	w.timespecs.close()
	if w.wakeups != nil {
		bufpool.Unmap(w.wakeups)
	}
	w.Keeper.Release()
}
