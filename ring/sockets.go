package ring

import (
	"os"

	"golang.org/x/sys/unix"
)

// sockets are the few calls that a worker makes outside the ring. None of them
// waits. Together with uring.Kernel they are all that a worker knows of the
// kernel.
//
// shutdown(2) is here although io_uring has IORING_OP_SHUTDOWN: the kernel always
// runs that on an io-wq thread (REQ_F_FORCE_ASYNC in io_shutdown_prep), which
// costs a thread hand-off for each half that ends.
type sockets interface {
	// open returns a stream socket, with TCP_NODELAY if it is not AF_UNIX.
	open(family int) (fd int, err error)
	noDelay(fd int)
	// resetOnClose makes the close of a TCP socket a reset. AF_UNIX has no
	// reset: there the peer sees one only if it left bytes unread here.
	resetOnClose(fd int)
	shutdownWrite(fd int)
}

type systemSockets struct{}

func (s systemSockets) open(family int) (int, error) {
	// Blocking, so that io_uring waits for readiness instead of failing with
	// EAGAIN; it never blocks the submitter.
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return noFD, os.NewSyscallError("socket", err)
	}
	if family != unix.AF_UNIX {
		s.noDelay(fd)
	}
	return fd, nil
}

// The options below fail only on a peer that is gone, which the next operation
// on the socket reports.

func (systemSockets) noDelay(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

func (systemSockets) resetOnClose(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
}

func (systemSockets) shutdownWrite(fd int) {
	_ = unix.Shutdown(fd, unix.SHUT_WR)
}
