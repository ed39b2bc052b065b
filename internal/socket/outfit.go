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

// Outfit is what a TCP socket gets before it connects. The zero Outfit changes nothing.
type Outfit struct {
	// Mark is the mark of its packets (SO_MARK), which needs CAP_NET_ADMIN; 0 for none.
	Mark uint32
	// Source is the address to connect from, with its zone if it has one.
	// If it is invalid, the kernel chooses it; the kernel always chooses the port.
	Source netip.Addr
	// Transparent allows a Source that this machine does not have (IP_TRANSPARENT),
	// which needs CAP_NET_ADMIN.
	Transparent bool
}

// Fit gives the outfit to a socket of a family that is not connected yet. An IPv4
// source also works with AF_INET6, for a connect to an IPv4-mapped address; an IPv6 source
// works only with AF_INET6.
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
	// can have, whatever its destination. It is for IPv6 too (ip(7), Linux 4.2).
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

// ScopeID returns the number of a zone, which is a number itself or an interface that must
// exist.
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

// Peek is Recv, but leaves the bytes where they are, and passed descriptors too. Like Recv,
// it takes the socket's error.
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

// ConnectWith starts to connect with the first bytes for the peer (TCP Fast Open, RFC
// 7413), without waiting. If the kernel has a cookie from the peer, it returns how many
// bytes have gone, as many as a packet holds; otherwise none have, and the error is
// EINPROGRESS. Either way the connect is over when the socket is writable; Connected says
// whether it succeeded. A socket that has sent bytes must not be shut down before that:
// the kernel would drop it. EOPNOTSUPP means that this is switched off on the machine, and
// that no connect was started.
func (System) ConnectWith(fd int, first []byte, to unix.Sockaddr) (int, syscall.Errno) {
	n, err := unix.SendmsgN(fd, first, nil, to, unix.MSG_FASTOPEN|unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	return n, 0
}
