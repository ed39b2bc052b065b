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

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
)

const (
	// eventBatch is how many events one system call may bring.
	eventBatch = 256
	// keepBlocks bounds what is kept for reuse.
	keepBlocks = 64
)

// Engine implements forward.Engine over epoll and splice.
type Engine struct{ *crew.Crew }

// New sets the engine up. Listeners stay the caller's.
func New(policy *forward.Policy, services *crew.Services) (*Engine, error) {
	e := &Engine{crew.New(policy, services)}
	return e, e.Hire(func(index int) (crew.Worker, error) { return newWorker(policy, services, e.Crew, index) })
}

func newWorker(policy *forward.Policy, services *crew.Services, workers *crew.Crew, index int) (crew.Worker, error) {
	w := &worker{
		epoll:  connection.NoFD,
		events: make([]unix.EpollEvent, eventBatch),
		blocks: bufpool.NewBlocks(policy.BlockSize(), keepBlocks),
	}
	w.Init(policy, services, workers, index, connection.SystemSockets(policy), w)
	err := w.prepare()
	if err != nil {
		w.Release()
	}
	return w, err
}

// prepare takes what the worker needs of the system.
func (w *worker) prepare() (err error) {
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

// Release implements crew.Worker.
func (w *worker) Release() {
	if w.epoll != connection.NoFD {
		unix.Close(w.epoll)
	}
	if w.block != nil {
		bufpool.Unmap(w.block)
	}
	w.blocks.Close()
	w.Keeper.Release()
}

// Run implements forward.Engine.
func (e *Engine) Run() error { return e.Serve(true) } // splice would wait

// Name implements forward.Engine.
func (e *Engine) Name() string { return "epoll" }

// Features implements forward.Engine.
func (e *Engine) Features() []string { return nil }
