package activation

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/vsock"
)

// localAddress returns the address that the socket fd is bound to, in printable form, and
// its port, or 0 if it has none.
func localAddress(fd int) (address string, port int, err error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return "", 0, fmt.Errorf("getsockname: %w", err)
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return printIP(netip.AddrFrom4(a.Addr), a.Port), a.Port, nil
	case *unix.SockaddrInet6:
		return printIP(netip.AddrFrom16(a.Addr).WithZone(zoneName(a.ZoneId)), a.Port), a.Port, nil
	case *unix.SockaddrUnix:
		return a.Name, 0, nil
	case *unix.SockaddrVM:
		return vsock.Of(a).String(), int(a.Port), nil
	}
	return "", 0, fmt.Errorf("getsockname: unexpected address type %T", name)
}

func printIP(addr netip.Addr, port int) string {
	return netip.AddrPortFrom(addr, uint16(port)).String()
}

// zoneName returns the name of the interface with this index, or the index
// itself if the interface is gone. Index 0 means no zone.
func zoneName(index uint32) string {
	if index == 0 {
		return ""
	}
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		return i.Name
	}
	return strconv.FormatUint(uint64(index), 10)
}

// zoneIndex is the inverse of zoneName; it accepts interface names and numbers,
// as systemd.socket(5) does.
func zoneIndex(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if index, err := strconv.ParseUint(zone, 10, 31); err == nil {
		return uint32(index), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("no network interface %q; see \"ip link\" for their names", zone)
	}
	return uint32(i.Index), nil
}
