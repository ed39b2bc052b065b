package target

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// Address is a socket address as the kernel reads it: struct sockaddr_in,
// sockaddr_in6, sockaddr_un or sockaddr_vm. It holds no pointers, so it can be copied to
// memory that the kernel reads, and compared with ==. The zero Address is no address.
type Address struct {
	Family uint16 // AF_INET, AF_INET6, AF_UNIX or AF_VSOCK

	length uint8     // bytes of raw that count: socklen_t
	raw    [112]byte // all zero beyond length, for == to hold
}

// Offsets in struct sockaddr_in, ip(7), and struct sockaddr_in6, ipv6(7). The
// flow information stays 0, as getaddrinfo(3) leaves it.
const (
	offsetPort    = 2 // in both, network byte order
	offsetIPv4    = 4
	offsetIPv6    = 8
	offsetScopeID = 24 // native byte order
)

// newAddress returns an all-zero address of the given length in bytes.
func newAddress(family uint16, length int) Address {
	a := Address{Family: family, length: uint8(length)}
	binary.NativeEndian.PutUint16(a.raw[:], family)
	return a
}

// Sockaddr returns the address in the kernel's layout. The bytes belong to a: they live
// as long and must not be changed.
func (a *Address) Sockaddr() []byte {
	return a.raw[:a.length:a.length]
}

// FromAddrPort returns the address of an IP endpoint. An IPv4-mapped IPv6
// address stays IPv6. A zone is a scope ID, or an interface that must exist.
func FromAddrPort(endpoint netip.AddrPort) (Address, error) {
	ip := endpoint.Addr()
	var a Address
	switch {
	case ip.Is4():
		a = newAddress(unix.AF_INET, unix.SizeofSockaddrInet4)
		copy(a.raw[offsetIPv4:], ip.AsSlice())
	case ip.Is6():
		scopeID, err := socket.ScopeID(ip.Zone())
		if err != nil {
			return Address{}, err
		}
		a = newAddress(unix.AF_INET6, unix.SizeofSockaddrInet6)
		copy(a.raw[offsetIPv6:], ip.AsSlice())
		binary.NativeEndian.PutUint32(a.raw[offsetScopeID:], scopeID)
	default:
		return Address{}, fmt.Errorf("%v is not an IP address and port", endpoint)
	}
	binary.BigEndian.PutUint16(a.raw[offsetPort:], endpoint.Port())
	return a, nil
}

// IP returns the address of an IP endpoint without zone and port, with an IPv4-mapped IPv6
// address turned into the IPv4 address; the zero netip.Addr for any other family.
func (a *Address) IP() netip.Addr {
	switch a.Family {
	case unix.AF_INET:
		return netip.AddrFrom4([4]byte(a.raw[offsetIPv4:]))
	case unix.AF_INET6:
		return netip.AddrFrom16([16]byte(a.raw[offsetIPv6:])).Unmap()
	}
	return netip.Addr{}
}

// FamilyName is the family of an IP address, for messages.
func FamilyName(ip netip.Addr) string {
	if ip.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// AddrPort is IP with the port.
func (a *Address) AddrPort() netip.AddrPort {
	return netip.AddrPortFrom(a.IP(), binary.BigEndian.Uint16(a.raw[offsetPort:]))
}

// Endpoint returns an IP endpoint in the form that package unix takes, or nil for any other
// address.
func (a *Address) Endpoint() unix.Sockaddr {
	port := int(binary.BigEndian.Uint16(a.raw[offsetPort:]))
	switch a.Family {
	case unix.AF_INET:
		return &unix.SockaddrInet4{Port: port, Addr: [4]byte(a.raw[offsetIPv4:])}
	case unix.AF_INET6:
		scopeID := binary.NativeEndian.Uint32(a.raw[offsetScopeID:])
		return &unix.SockaddrInet6{Port: port, ZoneId: scopeID, Addr: [16]byte(a.raw[offsetIPv6:])}
	}
	return nil
}

// String returns "127.0.0.1:80", "[fe80::1%eth0]:80", "/run/x", "@name" or
// "vsock:2:80"; the empty string for the zero Address. The interface is given by its current
// name, or by its number if it is gone.
func (a Address) String() string {
	switch a.Family {
	case unix.AF_INET:
		return a.endpoint(netip.AddrFrom4([4]byte(a.raw[offsetIPv4:])))
	case unix.AF_INET6:
		scopeID := binary.NativeEndian.Uint32(a.raw[offsetScopeID:])
		ip := netip.AddrFrom16([16]byte(a.raw[offsetIPv6:]))
		return a.endpoint(ip.WithZone(scopeIDToZone(scopeID)))
	case unix.AF_UNIX:
		return a.unixPath()
	case unix.AF_VSOCK:
		return a.VSOCK().String()
	}
	return ""
}

func (a Address) endpoint(ip netip.Addr) string {
	port := binary.BigEndian.Uint16(a.raw[offsetPort:])
	return netip.AddrPortFrom(ip, port).String()
}

func scopeIDToZone(scopeID uint32) string {
	if scopeID == 0 {
		return ""
	}
	if link, err := net.InterfaceByIndex(int(scopeID)); err == nil {
		return link.Name
	}
	return strconv.FormatUint(uint64(scopeID), 10)
}
