package ring

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/internal/vsock"
)

// sockets are the few calls that a worker makes outside the ring; socket.System
// is the real one. Together with uring.Kernel, and pipes, they are all that a worker
// knows of the kernel.
//
// io_uring has IORING_OP_SPLICE and IORING_OP_SHUTDOWN, but the kernel always runs
// them on an io-wq thread (REQ_F_FORCE_ASYNC): splice.go tells what that means for the
// one; the other takes about a hundred times as long.
type sockets interface {
	Open(family, flags int) (fd int, err error)
	ConnectVSOCK(fd int, to vsock.Address) syscall.Errno
	ConnectUNIX(fd int, to *target.Address) syscall.Errno
	Connected(fd int) syscall.Errno
	MetItself(fd int, to *target.Address) bool
	Closed(fd int) bool
	Events(fd int, asked int16) int16
	AllEvents(polled []unix.PollFd) []unix.PollFd
	Unsent(fd int) int
	Unanswered(fd int) (owes bool, silent uint32)
	Reserve(fd int) (reserved int, err error)
	Tune(fd, family int)
	Fit(fd, family int, outfit socket.Outfit) error
	ConnectWith(fd int, first []byte, to *target.Address) (int, syscall.Errno)
	Pending(fd int) bool
	Close(fd int)
	ResetOnClose(fd int)
	SetNonblocking(fd int)
	Splice(from, to, n int) (int, syscall.Errno)
	Recv(fd int, block []byte) (int, syscall.Errno)
	Peek(fd int, block []byte) (int, syscall.Errno)
	Prepare(fd int)
	Receive(fd int, block []byte) (n int, passed []int, err error)
	SendWith(fd int, block []byte, passed []int) (int, error)
	CloseApart(fds []int, done func())
	Names(fd int) (local, peer unix.Sockaddr)
	Peer(fd int) unix.Sockaddr
	ShutdownWrite(fd int)
	ShutdownRead(fd int)
}
