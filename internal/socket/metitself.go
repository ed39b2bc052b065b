package socket

import (
	"fmt"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// MetItself reports whether a TCP socket that is connected to an address is also bound to
// it: the kernel has chosen the destination port as the source port, nobody listens there,
// and so the socket has met itself (simultaneous open, RFC 9293, 3.5). That can happen only
// with a port from the range that the kernel chooses from; others cost no call. An
// IPv4-mapped to counts as IPv4, and an unspecified one (0.0.0.0, ::) as any address.
func (System) MetItself(fd int, to netip.AddrPort) bool {
	if port := int(to.Port()); port < chosenPorts().first || port > chosenPorts().last {
		return false
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		return false
	}
	var ip netip.Addr
	var port int
	switch own := own.(type) {
	case *unix.SockaddrInet4:
		ip, port = netip.AddrFrom4(own.Addr), own.Port
	case *unix.SockaddrInet6:
		ip, port = netip.AddrFrom16(own.Addr).Unmap(), own.Port
	}
	return ip.IsValid() && port == int(to.Port()) && (ip == to.Addr() || to.Addr().IsUnspecified())
}

// portRange is the range of ports that the kernel chooses from for sockets that connect,
// including both ends.
type portRange struct{ first, last int }

// chosenPorts is net.ipv4.ip_local_port_range, which is for IPv6 too, as it was at the first
// connect; all ports if it cannot be read, as under ProcSubset=pid.
var chosenPorts = sync.OnceValue(func() (r portRange) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err == nil {
		_, err = fmt.Sscan(string(text), &r.first, &r.last)
	}
	if err != nil {
		return portRange{1, 1<<16 - 1}
	}
	return r
})
