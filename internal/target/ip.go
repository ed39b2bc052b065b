package target

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// anyLoopback is what getaddrinfo(3) makes of the host "*": no node is given, so it
// means this machine. IPv6 comes first, as in glibc.
var anyLoopback = []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}

// parseIPs returns the IP addresses that host spells out, none if it is a
// name.
func parseIPs(host string) []netip.Addr {
	if host == "*" {
		return anyLoopback
	}
	if ip, ok := parseIPv4(host); ok {
		return []netip.Addr{ip}
	}
	if ip, ok := parseIPv6(host); ok {
		return []netip.Addr{ip}
	}
	return nil
}

// parseIPv6 reads an IPv6 address with an optional zone. A colon ends the
// zone, for no interface has one in its name: fe80::1%eth0:80 is more than an
// address.
func parseIPv6(s string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(s)
	return ip, err == nil && ip.Is6() && !strings.Contains(ip.Zone(), ":")
}

// parseIPv4 reads every form of inet_aton(3), because getaddrinfo(3) does:
// "127.1" is 127.0.0.1, "0" is 0.0.0.0, and numbers may be octal or
// hexadecimal. Go's resolver would take these for host names.
func parseIPv4(s string) (netip.Addr, bool) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var ip [4]byte
	for i, part := range parts {
		// The last part fills all the bytes that are left.
		width := 1
		if i == len(parts)-1 {
			width = len(ip) - i
		}
		value, err := parseCNumber(part, 8*width)
		if err != nil {
			return netip.Addr{}, false
		}
		for j := width - 1; j >= 0; j-- {
			ip[i+j] = byte(value)
			value >>= 8
		}
	}
	return netip.AddrFrom4(ip), true
}

// parseCNumber reads an unsigned number in the notation of C.
func parseCNumber(s string, bits int) (uint64, error) {
	base := 10
	if len(s) > 1 && s[0] == '0' {
		base, s = 8, s[1:]
		if s[0] == 'x' || s[0] == 'X' {
			base, s = 16, s[1:]
		}
	}
	return strconv.ParseUint(s, base, bits)
}

// literals returns the socket addresses of port at ips. It returns nil if they can change:
// without a port number, or with an interface name as the zone, because the index of an
// interface changes when it is removed and added again.
func literals(ips []netip.Addr, port uint16) ([]Address, error) {
	if port == 0 {
		return nil, nil
	}
	for _, ip := range ips {
		if _, err := strconv.ParseUint(ip.Zone(), 10, 32); ip.Zone() != "" && err != nil {
			return nil, nil
		}
	}
	return fromIPs(ips, port)
}

// fromIPs returns the socket addresses of port at ips, in order, without
// duplicates; nil if there are no ips.
func fromIPs(ips []netip.Addr, port uint16) ([]Address, error) {
	var addresses []Address
	for _, ip := range ips {
		address, err := FromAddrPort(netip.AddrPortFrom(ip, port))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	return addresses, nil
}
