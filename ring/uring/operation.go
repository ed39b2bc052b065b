package uring

import (
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// The operations below fill one SQE each. They take addresses as numbers: the
// memory must lie off the Go heap and stay put until the last completion.
// userData comes back in every completion of the operation.

// AcceptMultishot accepts connections on the listening socket fd until it fails
// or is cancelled; each completion's Result is a new close-on-exec descriptor.
// (Kernel 5.19, IORING_ACCEPT_MULTISHOT.)
func (r *Ring) AcceptMultishot(fd int, userData uint64) {
	sqe := r.next()
	sqe.PrepareMultishotAccept(fd, 0, 0, unix.SOCK_CLOEXEC)
	sqe.UserData = userData
}

// Accept accepts one connection, where AcceptMultishot accepts many.
func (r *Ring) Accept(fd int, userData uint64) {
	sqe := r.next()
	sqe.PrepareAccept(fd, 0, 0, unix.SOCK_CLOEXEC)
	sqe.UserData = userData
}

// Connect connects fd to the sockaddr at addr.
func (r *Ring) Connect(fd int, addr uintptr, addrLen uint32, userData uint64) {
	// Not PrepareConnect: it passes the address of a Go interface.
	sqe := r.next()
	sqe.OpCode, sqe.Fd, sqe.Addr, sqe.Off, sqe.UserData = giouring.OpConnect, int32(fd), uint64(addr), uint64(addrLen), userData
}

// RecvMultishot receives from fd into buffers of the given group, one completion
// for each piece, until end of stream, an error, or a total of limit bytes. A
// limit of 0 means none; any other value needs kernel 6.17
// (FeatureRecvLimit). (Kernel 6.0, IORING_RECV_MULTISHOT.)
func (r *Ring) RecvMultishot(fd int, group uint16, limit uint32, userData uint64) {
	sqe := r.next()
	sqe.PrepareRecvMultishot(fd, 0, limit, 0) // with optlen alone, the last piece would fill its buffer
	sqe.Flags |= giouring.SqeBufferSelect
	sqe.BufIG = group
	sqe.SpliceFdIn = int32(limit) // the union's optlen
	sqe.UserData = userData
}

// Recv receives one piece of at most limit bytes from fd into a buffer of the
// given group.
func (r *Ring) Recv(fd int, group uint16, limit uint32, userData uint64) {
	sqe := r.next()
	sqe.PrepareRecv(fd, 0, limit, 0)
	sqe.Flags |= giouring.SqeBufferSelect
	sqe.BufIG = group
	sqe.UserData = userData
}

// Send waits until there is room and then sends as many of the length bytes at addr as
// fit. It never raises SIGPIPE. It does not use MSG_WAITALL: that retries at each bit of
// room, and after 128 times (APOLL_MAX_RETRY in io_uring/poll.c) the kernel makes one of
// the ring's few threads wait; and if some bytes were sent when the connection breaks, it
// takes the socket's error silently.
func (r *Ring) Send(fd int, addr uintptr, length uint32, userData uint64) {
	sqe := r.next()
	sqe.OpCode, sqe.Fd, sqe.Addr, sqe.Len, sqe.UserData = giouring.OpSend, int32(fd), uint64(addr), length, userData
	sqe.OpcodeFlags = unix.MSG_NOSIGNAL
}

// Read reads up to length bytes from fd to addr.
func (r *Ring) Read(fd int, addr uintptr, length uint32, userData uint64) {
	sqe := r.next()
	sqe.PrepareRead(fd, addr, length, 0)
	sqe.UserData = userData
}

// Poll completes when fd has one of events, or POLLERR, POLLHUP or POLLRDHUP (IO_POLL_UNMASK
// in io_uring/poll.c). Result has the events that occurred.
func (r *Ring) Poll(fd int, events uint32, userData uint64) {
	sqe := r.next()
	sqe.PreparePollAdd(fd, events)
	sqe.UserData = userData
}

// PollMultishot completes as Poll does: at once if fd has any of the events, and again
// whenever they change, until it is cancelled or fails. As with Poll, Result has POLLERR,
// POLLHUP and POLLRDHUP whether they were asked for or not.
// (Kernel 5.13, IORING_POLL_ADD_MULTI.)
func (r *Ring) PollMultishot(fd int, events uint32, userData uint64) {
	sqe := r.next()
	sqe.PreparePollAdd(fd, events)
	sqe.Len = giouring.PollAddMulti
	sqe.UserData = userData
}

// Timeout completes with -ETIME after the relative time at ts (CLOCK_MONOTONIC).
func (r *Ring) Timeout(ts *unix.Timespec, userData uint64) {
	sqe := r.next()
	sqe.OpCode, sqe.Fd, sqe.Addr, sqe.Len = giouring.OpTimeout, -1, uint64(uintptr(unsafe.Pointer(ts))), 1
	sqe.UserData = userData
}

// Cancel cancels the operation in flight whose user data is target.
func (r *Ring) Cancel(target, userData uint64) {
	sqe := r.next()
	sqe.PrepareCancel64(target, 0)
	sqe.UserData = userData
}

// CloseFD closes fd. It completes only on an error; the descriptor is gone by the
// time the batch is submitted, because close runs inline on sockets.
func (r *Ring) CloseFD(fd int, userData uint64) {
	sqe := r.next()
	sqe.PrepareClose(fd)
	sqe.Flags |= giouring.SqeCQESkipSuccess
	sqe.UserData = userData
}
