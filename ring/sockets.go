package ring

import "syscall"

// sockets are the few calls that a worker makes outside the ring; socket.System
// is the real one. Together with uring.Kernel they are all that a worker knows
// of the kernel.
//
// splice(2) is here for the reason that splice.go gives. shutdown(2) is here although io_uring has IORING_OP_SHUTDOWN: the kernel always
// runs that on an io-wq thread (REQ_F_FORCE_ASYNC in io_shutdown_prep), which
// takes about a hundred times as long.
type sockets interface {
	Open(family, flags int) (fd int, err error)
	Tune(fd int)
	Close(fd int)
	ResetOnClose(fd int)
	SetNonblocking(fd int)
	Splice(from, to, n int) (int, syscall.Errno)
	ShutdownWrite(fd int)
}
