// Package socket has the few calls that engines make on stream sockets besides moving
// bytes. None of them waits, and none keeps a descriptor: the engine that owns it closes
// it.
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
	// Keepalive is how long a TCP connection is silent before its peer is probed, and
	// the time between two probes; whole seconds, 0 for never.
	Keepalive time.Duration
	// MostUnsent is about how many bytes a socket may hold that cannot be sent yet; 0
	// leaves that to the kernel.
	MostUnsent int
	// Passer is for sockets that descriptors are passed over; nil if there are none.
	*Passer
}

// KeepaliveProbes is how many unanswered probes it takes for the peer to count as gone.
const KeepaliveProbes = 3

// IsIP reports whether sockets of a family are TCP sockets: others have no keepalive, no
// urgent data and no reset.
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

// Reserve returns a copy of an open descriptor, which serves only to make room for another
// one by its close. The caller closes it.
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
// data in line (SO_OOBINLINE, as RFC 6093 advises): otherwise the urgent byte would be
// lost, and io_uring would take a socket at the urgent mark for empty. Sockets of other
// families get those of the remaining settings that they have.
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

// boundUnsent bounds what a socket holds if its peer takes nothing. For TCP, bytes in
// flight do not count, so that a distant peer gets as much at a time as before
// (TCP_NOTSENT_LOWAT, tcp(7)); with a fixed SO_SNDBUF it would get less.
func (s System) boundUnsent(fd, family int) {
	switch {
	case IsIP(family):
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, s.MostUnsent)
	case family == unix.AF_UNIX:
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, s.MostUnsent/2) // the kernel doubles it
	}
}

// keepAlive makes the kernel detect peers that are gone, by probes while the connection is
// silent. connection.Silence checks whether a peer owes an answer to data.
func (s System) keepAlive(fd int) {
	seconds := int(s.Keepalive / time.Second)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, KeepaliveProbes)
}

// Pending reports whether there are received bytes that have not been read. It peeks at one
// of them: in older kernels VSOCK does not report their number (SIOCINQ).
func (System) Pending(fd int) bool {
	n, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == nil && n > 0
}

// ResetOnClose makes the close of a TCP socket a reset. AF_UNIX and VSOCK have no
// reset: with AF_UNIX the peer sees one only if it left bytes unread here, with VSOCK
// never. Otherwise it sees the connection end in both directions.
func (System) ResetOnClose(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
}

// SetNonblocking makes calls on fd fail instead of wait, including splice(2): that has a
// flag of its own, but applies it only to the pipe.
func (System) SetNonblocking(fd int) {
	_ = unix.SetNonblock(fd, true)
}

// Splice moves up to n bytes between a non-blocking socket and a pipe. It does not
// wait, so it bypasses the Go scheduler, which would otherwise be notified twice.
func (System) Splice(from, to, n int) (int, syscall.Errno) {
	moved, _, errno := syscall.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n),
		unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
	return int(moved), errno
}

// ConnectVSOCK starts to connect a blocking socket without waiting. If it returns
// EINPROGRESS the connect is under way, and Connected says when it is over.
func (System) ConnectVSOCK(fd int, to vsock.Address) syscall.Errno {
	_ = unix.SetNonblock(fd, true)
	err := unix.Connect(fd, &unix.SockaddrVM{CID: to.CID, Port: to.Port})
	_ = unix.SetNonblock(fd, false)
	if err != nil {
		return err.(syscall.Errno)
	}
	return 0
}

// Connected returns the outcome of a connect under way: 0 if the socket is connected,
// EINPROGRESS if there is none yet.
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

// Names returns the names of a connected socket and of its peer. A name that the kernel
// does not report is nil, such as that of a peer that has reset the connection.
func (System) Names(fd int) (local, peer unix.Sockaddr) {
	local, _ = unix.Getsockname(fd)
	peer, _ = unix.Getpeername(fd)
	return local, peer
}

// Peer returns the name of a connected socket's peer; nil if the kernel does not report it,
// such as that of a peer that has reset the connection.
func (System) Peer(fd int) unix.Sockaddr {
	peer, _ := unix.Getpeername(fd)
	return peer
}

// Close closes a socket.
func (System) Close(fd int) { unix.Close(fd) }

// ShutdownRead tells the peer of a UNIX socket that nothing more will be read: it cannot
// send any more (SHUT_RD). Peers of other families are not told.
func (System) ShutdownRead(fd int) {
	_ = unix.Shutdown(fd, unix.SHUT_RD)
}

// ShutdownWrite tells the peer that nothing more will come (SHUT_WR).
func (System) ShutdownWrite(fd int) {
	_ = unix.Shutdown(fd, unix.SHUT_WR)
}
