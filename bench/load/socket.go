package load

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// isPath reports whether an address is a UNIX socket's and not IP:PORT.
func isPath(address string) bool { return strings.HasPrefix(address, "/") }

// newSocket makes a socket for address; flags are those of socket(2).
func newSocket(address string, flags int) (fd int, to unix.Sockaddr, err error) {
	domain := unix.AF_INET
	if isPath(address) {
		domain, to = unix.AF_UNIX, &unix.SockaddrUnix{Name: address}
	} else {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !at.Addr().Is4() {
			return -1, nil, fmt.Errorf("address %q: want IPV4:PORT or a path", address)
		}
		to = &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}
	}
	fd, err = unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		return -1, nil, fmt.Errorf("socket: %w", err)
	}
	if domain == unix.AF_INET {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, nil, fmt.Errorf("TCP_NODELAY: %w", err)
	}
	return fd, to, nil
}

// listen opens a listening socket, and returns its address with the port that the
// kernel chose.
func listen(address string) (fd int, actual string, err error) {
	fd, at, err := newSocket(address, unix.SOCK_NONBLOCK)
	if err != nil {
		return -1, "", err
	}
	if err = unix.Bind(fd, at); err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, "", fmt.Errorf("listen on %s: %w", address, err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		_ = unix.Close(fd)
		return -1, "", fmt.Errorf("getsockname: %w", err)
	}
	if inet, ok := bound.(*unix.SockaddrInet4); ok {
		address = netip.AddrPortFrom(netip.AddrFrom4(inet.Addr), uint16(inet.Port)).String()
	}
	return fd, address, nil
}
