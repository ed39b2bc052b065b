// Package fallback is the engine for kernels that have no io_uring, or not
// enough of it, or are told to refuse it: workers, each of which is one OS thread
// with one epoll set, move the bytes of all connections by copying short messages
// and splicing streams.
//
// What a connection does outside its bytes is in package connection. The way of a byte is in
// the words and the order of package ring, file by file: recv.go, send.go, proceed.go.
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

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/crew"
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
	*crew.Crew
	workers []*worker
}

// New sets the engine up. Listeners stay the caller's.
func New(policy *forward.Policy, services *crew.Services) (*Engine, error) {
	e := &Engine{Crew: crew.New(policy, services)}
	for index := range policy.Workers {
		w, err := newWorker(policy, services, e.Crew, index)
		if err != nil {
			for _, made := range e.workers {
				made.release()
			}
			return nil, err
		}
		e.workers = append(e.workers, w)
		e.Crew.Join(w)
	}
	return e, nil
}

func newWorker(policy *forward.Policy, services *crew.Services, workers *crew.Crew, index int) (*worker, error) {
	w := &worker{
		epoll:    connection.NoFD,
		events:   make([]unix.EpollEvent, eventBatch),
		blocks:   bufpool.NewBlocks(policy.BlockSize(), keepBlocks),
		pipes:    bufpool.NewPipes(policy.Limits.BufferSize, keepPipes, workers.SparePipe),
		sockets:  system{socket.System{Keepalive: policy.Keepalive, MostUnsent: policy.Limits.Unsent, Passer: socket.NewPasser()}},
		busyPoll: connection.NewBusyPoll(policy.BusyPoll),
	}
	w.Init(policy, services, workers, index, w.sockets, w)
	if err := w.prepare(); err != nil {
		w.release()
		return nil, err
	}
	return w, nil
}

// prepare takes what the worker needs of the system.
func (w *worker) prepare() error {
	var err error
	if w.block, err = bufpool.Map(w.Policy.BlockSize()); err != nil {
		return err
	}
	if err = w.Prepare(); err != nil {
		return err
	}
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	event := newEvent(kindWake, 0, 0, 0)
	event.Events = unix.EPOLLIN
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, w.Box.FD(), &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// release frees what the worker holds.
func (w *worker) release() {
	if w.epoll != connection.NoFD {
		unix.Close(w.epoll)
	}
	if w.Box != nil {
		w.Box.Close()
	}
	if w.block != nil {
		bufpool.Unmap(w.block)
	}
	w.blocks.Close()
	w.pipes.Drop()
}

// Run implements forward.Engine.
func (e *Engine) Run() error {
	e.Crew.Begin(true) // splice would wait
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
			e.Crew.End(w.Index)
			w.release()
			ended <- err
		}()
	}
	return e.Crew.Await(ended)
}

// Name implements forward.Engine.
func (e *Engine) Name() string { return "epoll" }

// Features implements forward.Engine.
func (e *Engine) Features() []string { return nil }
