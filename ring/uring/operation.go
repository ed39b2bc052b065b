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

// Accept accepts one connection, as AcceptMultishot does many.
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
// limit of 0 means none; another value needs kernel 6.17
// (FeatureRecvLimit). (Kernel 6.0, IORING_RECV_MULTISHOT.)
func (r *Ring) RecvMultishot(fd int, group uint16, limit uint32, userData uint64) {
	sqe := r.next()
	sqe.PrepareRecvMultishot(fd, 0, 0, 0)
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

// Send sends length bytes at addr; it completes short only on an error or when
// cancelled (MSG_WAITALL), and never raises SIGPIPE.
func (r *Ring) Send(fd int, addr uintptr, length uint32, userData uint64) {
	sqe := r.next()
	sqe.OpCode, sqe.Fd, sqe.Addr, sqe.Len, sqe.UserData = giouring.OpSend, int32(fd), uint64(addr), length, userData
	sqe.OpcodeFlags = unix.MSG_WAITALL | unix.MSG_NOSIGNAL
}

// Read reads up to length bytes from fd to addr.
func (r *Ring) Read(fd int, addr uintptr, length uint32, userData uint64) {
	sqe := r.next()
	sqe.PrepareRead(fd, addr, length, 0)
	sqe.UserData = userData
}

// Poll completes when fd has one of events, or POLLERR or POLLHUP, with those that
// it has in Result.
func (r *Ring) Poll(fd int, events uint32, userData uint64) {
	sqe := r.next()
	sqe.PreparePollAdd(fd, events)
	sqe.UserData = userData
}

// Timeout completes with -ETIME after the relative time at ts (CLOCK_MONOTONIC).
func (r *Ring) Timeout(ts *unix.Timespec, userData uint64) {
	sqe := r.next()
	sqe.OpCode, sqe.Fd, sqe.Addr, sqe.Len = giouring.OpTimeout, -1, uint64(uintptr(unsafe.Pointer(ts))), 1
	sqe.UserData = userData
}

// Cancel cancels the operation in flight that has the user data target.
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
