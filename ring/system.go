package ring

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

// system is the real sockets.
type system struct{ socket.System }

// Connect connects a non-blocking socket. With UNIX sockets that succeeds or fails at once,
// and EAGAIN is a full backlog.
func (system) Connect(fd int, to *target.Address) syscall.Errno {
	sockaddr := to.Sockaddr()
	_, _, errno := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sockaddr[0])), uintptr(len(sockaddr)))
	return errno
}
