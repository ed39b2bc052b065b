package ring

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
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
	connection.Sockets
	ConnectVSOCK(fd int, to vsock.Address) syscall.Errno
	Connected(fd int) syscall.Errno
	AllEvents(polled []unix.PollFd) []unix.PollFd
	SetNonblocking(fd int)
}
