package ring

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
)

// AwaitHeader implements connection.Mover.
func (w *worker) AwaitHeader(c *connection.Connection) { w.await(&w.of(c).toTarget) }

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

// sendPrologue queues what a target that has just been connected gets first, and
// behind it what its client has sent by now, so that all leaves by one send.
func (w *worker) sendPrologue(c *transfer) {
	first := w.TakePrologue(&c.Connection)
	if len(first) == 0 {
		return
	}
	h := &c.toTarget
	block, err := w.pool.Block()
	if err != nil {
		w.OutOfMemory(&h.Half, len(first), err)
		return
	}
	w.pool.Extend(&block, copy(w.pool.Room(block), first))
	if !c.Passing { // or descriptors of the client's would come with the header
		w.receiveBehind(h, &block)
	}
	h.queued += int(block.Len)
	h.queue.push(block)
}

// receiveBehind receives what is there, without waiting, into a parked piece. An end
// of the stream will be found once more.
func (w *worker) receiveBehind(h *half, last *bufpool.Piece) {
	room := w.pool.Room(*last)
	room = room[:min(len(room), max(0, w.Policy.Limits.BufferSize-int(last.Len)))]
	if len(room) == 0 {
		return
	}
	switch n, errno := w.sockets.Recv(h.Source.FD, room); errno {
	case 0:
		w.pool.Extend(last, n)
	case unix.EAGAIN, unix.EINTR:
	default:
		w.SourceFailed(&h.Half)
	}
}
