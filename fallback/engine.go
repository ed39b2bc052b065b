// Package fallback is the engine for kernels that have no io_uring, or not
// enough of it, or are told to refuse it: workers, each of which is one OS thread
// with one epoll set, move the bytes of all connections by copying short messages
// and splicing streams.
//
// It keeps the promises of forward.Engine, in the words and the order of package
// ring, file by file: accept.go, connect.go, receive.go, send.go, proceed.go.
//
// Invariants:
//   - A connection belongs to one worker, from when that takes the client, at
//     accept or out of its inbox, to close; no locks.
//   - Each socket is in the epoll set once, edge-triggered, from open to close;
//     what epoll has said is remembered until a call on the socket says otherwise.
//   - Pipes and blocks are held only while bytes are in them: an idle connection
//     costs two descriptors.
package fallback

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
)

const (
	// eventBatch is how many events one system call may bring.
	eventBatch = 256
	// keepPipes and keepBlocks bound what is kept for reuse.
	keepPipes  = 8
	keepBlocks = 64
)

// Engine implements forward.Engine over epoll and splice.
type Engine struct {
	crew    *forward.Crew
	workers []*worker
}

// New sets the engine up. Listeners stay the caller's.
func New(policy *forward.Policy) (*Engine, error) {
	e := &Engine{crew: forward.NewCrew(policy)}
	for index := range policy.Workers {
		w, err := newWorker(policy, e.crew, index)
		if err != nil {
			for _, made := range e.workers {
				made.release()
			}
			return nil, err
		}
		e.workers = append(e.workers, w)
		e.crew.Join(w)
	}
	return e, nil
}

func newWorker(policy *forward.Policy, crew *forward.Crew, index int) (*worker, error) {
	w := &worker{
		policy:    policy,
		crew:      crew,
		index:     index,
		epoll:     noFD,
		events:    make([]unix.EpollEvent, eventBatch),
		blocks:    bufpool.NewBlocks(policy.BlockSize(), keepBlocks),
		pipes:     bufpool.NewPipes(policy.Limits.BufferSize, keepPipes),
		sockets:   socket.System{Keepalive: policy.Keepalive, MostUnsent: policy.Limits.Unsent, Passer: socket.NewPasser()},
		tight:     policy.Limits.Tight(),
		timed:     policy.Clocked(),
		clock:     forward.NewClock(),
		stopwatch: forward.NewStopwatch(policy.Timed),
		busyPoll:  forward.NewBusyPoll(policy.BusyPoll),
		backlogs:  forward.NewBacklogs[*connection](policy.Timeouts),
		headers:   forward.HeaderLine[*connection]{Time: forward.HeaderTime},
	}
	for i := range policy.Routes {
		w.listeners = append(w.listeners, &listener{index: uint32(i), route: &policy.Routes[i]})
	}
	if policy.Outbound.FastOpen {
		w.early = make([]byte, forward.EarlyRoom)
	}
	if err := w.prepare(); err != nil {
		w.release()
		return nil, err
	}
	return w, nil
}

// prepare takes what the worker needs of the system.
func (w *worker) prepare() error {
	var err error
	if w.block, err = bufpool.Map(w.policy.BlockSize()); err != nil {
		return err
	}
	if w.inbox, err = forward.NewInbox(); err != nil {
		return err
	}
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	event := newEvent(kindWake, 0, 0, 0)
	event.Events = unix.EPOLLIN
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, w.inbox.FD(), &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	if heart := w.policy.Heart; heart != nil {
		w.beat(heart.Interval())
	}
	return nil
}

// beat tells the watchdog, from the event loop itself, that the loop is alive,
// and does so again every interval.
func (w *worker) beat(interval time.Duration) {
	w.timers.start(interval, func() {
		w.policy.Heart.Beat(w.index)
		w.beat(interval)
	})
}

// release frees what the worker holds.
func (w *worker) release() {
	if w.epoll != noFD {
		unix.Close(w.epoll)
	}
	if w.inbox != nil {
		w.inbox.Close()
	}
	if w.block != nil {
		bufpool.Unmap(w.block)
	}
	w.blocks.Close()
	w.pipes.Drop()
}

// Run implements forward.Engine.
func (e *Engine) Run() error {
	e.crew.Begin(true) // splice would wait
	ended := make(chan error, len(e.workers))
	for _, w := range e.workers {
		go func() {
			// A thread of its own, which ends with the worker: the loop
			// waits outside the Go scheduler.
			runtime.LockOSThread()
			err := w.run()
			if err != nil {
				w.Stop() // resets what a fault has left
			}
			e.crew.End(w.index)
			w.release()
			ended <- err
		}()
	}
	return e.crew.Await(ended)
}

// Stop implements forward.Engine.
func (e *Engine) Stop() { e.crew.Stop() }

// StopIfIdle implements forward.Engine.
func (e *Engine) StopIfIdle() { e.crew.StopIfIdle() }

// Drain implements forward.Engine.
func (e *Engine) Drain() { e.crew.Drain() }

// Name implements forward.Engine.
func (e *Engine) Name() string { return "epoll" }

// Features implements forward.Engine.
func (e *Engine) Features() []string { return nil }

// Counters implements forward.Engine.
func (e *Engine) Counters() forward.Counts { return e.crew.Counters() }

// Sample implements forward.Engine.
func (e *Engine) Sample() forward.Sample { return e.crew.Sample() }
