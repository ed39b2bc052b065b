// Package socket holds the few calls that engines make on stream sockets beside
// moving bytes. None of them waits, and none keeps a descriptor: the engine that owns
// it closes it.
package socket

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/vsock"
)

// System makes the calls on the running system.
type System struct {
	// Keepalive is how long a TCP connection is silent before its peer is asked
	// whether it is there, and how long between two such questions; whole seconds,
	// 0 for never.
	Keepalive time.Duration
	// MostUnsent is how many bytes a socket may hold that cannot leave yet, about; 0 leaves
	// that to the kernel.
	MostUnsent int
	// Passer is for sockets over which descriptors are passed on; nil if there are none.
	*Passer
}

// KeepaliveProbes is how many questions may go unanswered before the peer counts as
// gone.
const KeepaliveProbes = 3

// IsIP tells whether sockets of a family are TCP's: those of others know no keepalive,
// no urgent data and no reset.
func IsIP(family int) bool { return family == unix.AF_INET || family == unix.AF_INET6 }

// Open returns a close-on-exec stream socket of a family, tuned. flags
// is 0 or SOCK_NONBLOCK. The caller closes it.
func (s System) Open(family, flags int) (fd int, err error) {
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	s.Tune(fd, family)
	return fd, nil
}

// Reserve returns a descriptor of no use but that its close makes room for another
// one: a copy of one that is open. The caller closes it.
func (System) Reserve(fd int) (reserved int, err error) {
	reserved, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 1)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	return reserved, nil
}

// The calls below fail only on a socket whose peer is gone, which its next
// operation reports.

// Tune makes a TCP socket send small pieces at once (TCP_NODELAY) and take urgent
// data in line (SO_OOBINLINE, as RFC 6093 advises): else its byte would be lost,
// and io_uring would take a socket for empty that stands at the urgent mark. Those of
// other families get what they have of the rest.
func (s System) Tune(fd, family int) {
	if s.MostUnsent > 0 {
		s.boundUnsent(fd, family)
	}
	if !IsIP(family) {
		return
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	if s.Keepalive > 0 {
		s.keepAlive(fd)
	}
}

// boundUnsent bounds what a socket holds whose peer takes nothing. With TCP that leaves out
// what is under way, so that a distant peer gets as much at a time as before
// (TCP_NOTSENT_LOWAT, tcp(7)); a fixed SO_SNDBUF would not.
func (s System) boundUnsent(fd, family int) {
	switch {
	case IsIP(family):
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, s.MostUnsent)
	case family == unix.AF_UNIX:
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, s.MostUnsent/2) // the kernel doubles it
	}
}

// keepAlive makes the kernel look for peers that are gone, by questions while the connection
// is silent. Whether a peer owes an answer to data is asked by forward.Silence.
func (s System) keepAlive(fd int) {
	seconds := int(s.Keepalive / time.Second)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, KeepaliveProbes)
}

// Pending tells whether bytes have been received and not been read. It looks at one of
// them: VSOCK does not tell their number (SIOCINQ) in older kernels.
func (System) Pending(fd int) bool {
	n, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == nil && n > 0
}

// ResetOnClose makes the close of a TCP socket a reset. AF_UNIX and VSOCK have no
// reset: with AF_UNIX the peer sees one only if it left bytes unread here, with VSOCK
// never. To it, the connection has ended both ways.
func (System) ResetOnClose(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
}

// SetNonblocking makes calls on fd that would wait fail instead, splice(2) among
// them: that has a flag of its own, but heeds it at the pipe only.
func (System) SetNonblocking(fd int) {
	_ = unix.SetNonblock(fd, true)
}

// Splice moves up to n bytes between a non-blocking socket and a pipe. It does not
// wait, so it goes past the Go scheduler, which would otherwise be told twice.
func (System) Splice(from, to, n int) (int, syscall.Errno) {
	moved, _, errno := syscall.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n),
		unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
	return int(moved), errno
}

// ConnectVSOCK begins to connect a blocking socket and does not wait for it: that is
// under way where it returns EINPROGRESS, and Connected tells when it is over.
func (System) ConnectVSOCK(fd int, to vsock.Address) syscall.Errno {
	_ = unix.SetNonblock(fd, true)
	err := unix.Connect(fd, &unix.SockaddrVM{CID: to.CID, Port: to.Port})
	_ = unix.SetNonblock(fd, false)
	if err != nil {
		return err.(syscall.Errno)
	}
	return 0
}

// Connected tells what has come of a connect under way: 0 if the socket is connected,
// EINPROGRESS if nothing yet.
func (System) Connected(fd int) syscall.Errno {
	if _, err := unix.Getpeername(fd); err == nil {
		return 0
	}
	switch errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); {
	case err != nil:
		return err.(syscall.Errno)
	case errno != 0:
		return syscall.Errno(errno)
	}
	return syscall.EINPROGRESS
}

// Recv receives what is there, without waiting.
func (System) Recv(fd int, block []byte) (int, syscall.Errno) {
	n, _, err := unix.Recvfrom(fd, block, unix.MSG_DONTWAIT)
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	return n, 0
}

// Names are those of a connected socket: its own, and its peer's. Whichever the kernel
// does not tell is nil, as that of a peer that has reset the connection.
func (System) Names(fd int) (local, peer unix.Sockaddr) {
	local, _ = unix.Getsockname(fd)
	peer, _ = unix.Getpeername(fd)
	return local, peer
}

// Peer is the name of a connected socket's peer; nil if the kernel does not tell, as of
// one that has reset the connection.
func (System) Peer(fd int) unix.Sockaddr {
	peer, _ := unix.Getpeername(fd)
	return peer
}

// Close closes a socket.
func (System) Close(fd int) { unix.Close(fd) }

// ShutdownRead tells the peer of a UNIX socket that nothing more is read: it can send
// nothing any more (SHUT_RD). Others are not told.
func (System) ShutdownRead(fd int) {
	_ = unix.Shutdown(fd, unix.SHUT_RD)
}

// ShutdownWrite tells the peer that nothing more will come (SHUT_WR).
func (System) ShutdownWrite(fd int) {
	_ = unix.Shutdown(fd, unix.SHUT_WR)
}
