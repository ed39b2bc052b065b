package socket

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Outfit is what a TCP socket gets before it connects. The zero Outfit is nothing.
type Outfit struct {
	// Mark is that of its packets (SO_MARK), which takes CAP_NET_ADMIN; 0 for none.
	Mark uint32
	// Source is the address to connect from, with its zone if it has one.
	// The kernel chooses it, if it is invalid, and the port in any case.
	Source netip.Addr
	// Transparent allows a Source that this machine does not have (IP_TRANSPARENT),
	// which takes CAP_NET_ADMIN.
	Transparent bool
}

// Fit gives the outfit to a socket of a family that is not connected yet. An IPv4
// source goes with AF_INET6 too, for a connect to an IPv4-mapped address; an IPv6 one goes
// with that alone.
func (System) Fit(fd, family int, o Outfit) error {
	if o.Mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(o.Mark)); err != nil {
			return os.NewSyscallError("SO_MARK", err)
		}
	}
	if o.Transparent {
		level, option := unix.SOL_IP, unix.IP_TRANSPARENT
		if family == unix.AF_INET6 {
			level, option = unix.SOL_IPV6, unix.IPV6_TRANSPARENT
		}
		if err := unix.SetsockoptInt(fd, level, option, 1); err != nil {
			return os.NewSyscallError("IP_TRANSPARENT", err)
		}
	}
	if !o.Source.IsValid() {
		return nil
	}
	// Without this, bind would take a port that no other connection from the address
	// may have, wherever that goes. It is for IPv6 too (ip(7), Linux 4.2).
	if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return os.NewSyscallError("IP_BIND_ADDRESS_NO_PORT", err)
	}
	var source unix.Sockaddr
	if family == unix.AF_INET6 {
		scopeID, err := ScopeID(o.Source.Zone())
		if err != nil {
			return err
		}
		source = &unix.SockaddrInet6{Addr: o.Source.As16(), ZoneId: scopeID}
	} else {
		source = &unix.SockaddrInet4{Addr: o.Source.As4()}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, source))
}

// ScopeID is the number of a zone: of an interface that must exist, or which the zone is.
func ScopeID(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if scopeID, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(scopeID), nil
	}
	link, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", zone, err)
	}
	return uint32(link.Index), nil
}

// Peek is Recv that leaves the bytes where they are, and passed descriptors too. An error
// it takes, as Recv does.
func (System) Peek(fd int, block []byte) (int, syscall.Errno) {
	n, _, err := unix.Recvfrom(fd, block, unix.MSG_DONTWAIT|unix.MSG_PEEK)
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	return n, 0
}

// Connect connects a non-blocking socket, and does not wait for it. With UNIX sockets that
// succeeds or fails at once, and EAGAIN is a full backlog.
func (System) Connect(fd int, sockaddr []byte) syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sockaddr[0])), uintptr(len(sockaddr)))
	return errno
}

// ConnectWith begins to connect with the first bytes for the peer (TCP Fast Open, RFC
// 7413), without waiting. If the kernel has a cookie of the peer's, it returns how many
// of them have gone, as many as a packet holds; else they stay, and the error is
// EINPROGRESS. Either way the connection is there, or has failed, when the socket is
// writable; Connected tells which. A socket that has sent bytes must not be shut down before:
// the kernel would drop it. EOPNOTSUPP tells that the machine has this switched off, and
// that nothing has begun.
func (System) ConnectWith(fd int, first []byte, to unix.Sockaddr) (int, syscall.Errno) {
	n, err := unix.SendmsgN(fd, first, nil, to, unix.MSG_FASTOPEN|unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	return n, 0
}
