package ring

import (
	"golang.org/x/sys/unix"
	"syscall"

	"uring-socket-proxyd/internal/connection"
)

// greeted handles the end of a wait for a client's header.
func (w *worker) greeted(c *connection.Connection, errno syscall.Errno) {
	switch {
	case c.Finished(): // aborted meanwhile
		w.Settle(c)
	case errno == 0, errno == unix.ECANCELED, errno == unix.EINTR:
		w.ReadHeader(c)
	default: // it cannot be waited for
		w.RefuseHeader(c, errno)
	}
}

// sendPrologue queues what a target that has just been connected gets first.
func (w *worker) sendPrologue(c *transfer) {
	prologue, h := w.TakePrologue(&c.Connection), &c.toTarget
	if len(prologue) == 0 {
		return
	}
	block, err := w.pool.Block()
	if err != nil {
		w.OutOfMemory(&h.Half, len(prologue), err)
		return
	}
	w.pool.Extend(&block, w.PutPrologue(&c.Connection, prologue, w.pool.Room(block)))
	h.Held += int(block.Len)
	h.queue.push(block)
}
