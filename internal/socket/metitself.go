package socket

import (
	"fmt"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// MetItself tells whether a TCP socket that is connected to an address is bound to it as
// well: the kernel has chosen the port it connects to as the one it comes from, nobody
// listens there, and so the socket has met itself (simultaneous open, RFC 9293, 3.5). That
// takes a port that the kernel chooses at all; no other costs a call. to is an IPv4 address
// where it is mapped to IPv6; what leads to none in particular (0.0.0.0, ::) leads to any.
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

// portRange is the ports that the kernel chooses for sockets which connect, the ends
// included.
type portRange struct{ first, last int }

// chosenPorts is net.ipv4.ip_local_port_range, for IPv6 too, as it was at the first connect;
// every port where it cannot be read, as with ProcSubset=pid.
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
