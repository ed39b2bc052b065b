// Package ring is the io_uring engine: one worker, which is one OS thread with
// one ring, moves the bytes of all connections by submitting operations and
// handling their completions.
//
// The way of a byte, one file for each step: accept.go, connect.go, recv.go,
// send.go, proceed.go (what comes next, end and close). What crosses threads
// crosses in forward.Inbox.
//
// Invariants:
//   - A connection belongs to its worker from accept to close; no locks.
//   - A descriptor is closed, a buffer reused and a slot freed only when no
//     operation that knows of it is in flight (connection.inFlight).
//   - The kernel's memory (buffers, addresses, timespecs) is off the Go heap.
package ring

import (
	"runtime"
	"time"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/ring/uring"
)

// Sizes of the ring. A batch larger than sqEntries costs an extra system call;
// more completions at once than cqEntries take the kernel's overflow list.
const (
	sqEntries = 1024
	cqEntries = 8192
)

// Shapes of the buffer pool, 32 MiB of address space either way, of which only
// touched pages take memory. Few large incremental buffers serve short messages
// and streams from one pool; without them (before 6.17) each receive spends a
// buffer, so there must be many.
var (
	incrementalPool = bufpool.Config{Count: 32, Size: 1 << 20, Incremental: true}
	classicPool     = bufpool.Config{Count: 512, Size: 64 << 10}
)

// Engine implements forward.Engine over io_uring.
type Engine struct {
	worker   *worker
	counters forward.Counters
	begin    chan struct{}
	ended    chan error
}

// Selection switches features of io_uring on or off; nil leaves them as they are.
type Selection = uring.Selection

// ParseSelection reads a list such as "-recv-multishot,+sqpoll".
func ParseSelection(list string) (Selection, error) { return uring.ParseSelection(list) }

// New sets the engine up: its thread, ring, buffers. The error says why io_uring
// cannot be used here. Listeners stay the caller's.
func New(policy *forward.Policy, selection Selection) (*Engine, error) {
	e := &Engine{begin: make(chan struct{}), ended: make(chan error, 1)}
	ready := make(chan error)
	go func() {
		// The ring takes submissions from the thread that made it only. The
		// thread is not unlocked: it ends with the worker.
		runtime.LockOSThread()
		w, err := newWorker(policy, selection, &e.counters)
		if err == nil {
			e.worker = w
		}
		ready <- err
		if err != nil {
			return
		}
		<-e.begin
		e.ended <- w.run()
		w.release()
	}()
	if err := <-ready; err != nil {
		return nil, err
	}
	return e, nil
}

// Refusal words an error of New for whoever can do something about it.
func Refusal(err error) string { return uring.Refusal(err) }

// Run implements forward.Engine.
func (e *Engine) Run() error {
	close(e.begin)
	return <-e.ended
}

// Stop implements forward.Engine.
func (e *Engine) Stop() { e.worker.inbox.Post(e.worker.stop) }

// StopIfIdle implements forward.Engine.
func (e *Engine) StopIfIdle() { e.worker.inbox.Post(e.worker.retire) }

// Name implements forward.Engine.
func (e *Engine) Name() string { return "uring" }

// Counters implements forward.Engine.
func (e *Engine) Counters() *forward.Counters { return &e.counters }

// newWorker makes a worker on the calling thread.
func newWorker(policy *forward.Policy, selection Selection, counters *forward.Counters) (*worker, error) {
	features, err := uring.Probe(selection)
	if err == nil {
		err = features.Missing()
	}
	if err != nil {
		return nil, err
	}
	ring, err := uring.New(uring.Config{Entries: sqEntries, CQEntries: cqEntries, Polled: policy.BusyPoll > 0}, features)
	if err != nil {
		return nil, err
	}
	shape := classicPool
	if features.Uses(uring.FeatureIncrementalBuffers) {
		shape = incrementalPool
	}
	pool, err := bufpool.New(shape, ring.Registrar())
	if err != nil {
		ring.Close()
		return nil, err
	}
	w := &worker{
		policy:          policy,
		ring:            ring,
		pool:            pool,
		pipes:           bufpool.NewPipes(policy.Limits.BufferSize, keepPipes),
		sockets:         socket.System{},
		counters:        counters,
		acceptMultishot: features.Uses(uring.FeatureAcceptMultishot),
		recvMultishot:   features.Uses(uring.FeatureRecvMultishot),
		recvLimit:       features.Uses(uring.FeatureRecvLimit),
		busyPoll:        forward.NewBusyPoll(policy.BusyPoll),
		bulkSize:        defaultBulkSize,
		lowWater:        policy.Limits.BufferSize / 2,
	}
	if err := w.prepare(); err != nil {
		w.release()
		return nil, err
	}
	return w, nil
}

// prepare makes what does not depend on the kernel's features.
func (w *worker) prepare() error {
	var err error
	if w.inbox, err = forward.NewInbox(); err != nil {
		return err
	}
	if w.wakeups, err = bufpool.Map(8); err != nil {
		return err
	}
	if w.timers, err = newTimerTable(5 + len(w.policy.Routes)); err != nil {
		return err
	}
	w.scarcity = w.timers.add(w.relieve)
	w.recancel = w.timers.add(w.cancelMissed)
	w.backlog = w.timers.add(w.connectRefused)
	w.lookout = w.timers.add(w.watchSilent)
	for i := range w.policy.Routes {
		l := &listener{index: uint32(i), route: &w.policy.Routes[i]}
		l.timer = w.timers.add(func() { w.accept(l) })
		w.listeners = append(w.listeners, l)
	}
	if heart := w.policy.Heart; heart != nil {
		w.beat(heart.Interval())
	}
	return nil
}

// beat tells the watchdog, from the event loop itself, that the loop is alive,
// and does so again every interval.
func (w *worker) beat(interval time.Duration) {
	var pulse *timer
	pulse = w.timers.add(func() {
		w.policy.Heart.Beat(0)
		w.start(pulse, interval)
	})
	w.start(pulse, interval)
}

// release frees what the worker holds. The ring goes first: it knows the rest.
func (w *worker) release() {
	w.ring.Close()
	w.pool.Close()
	w.pipes.Close()
	w.addresses.close()
	if w.inbox != nil {
		w.inbox.Close()
	}
	for _, memory := range [][]byte{w.timers.memory, w.wakeups} {
		if memory != nil {
			bufpool.Unmap(memory)
		}
	}
}
