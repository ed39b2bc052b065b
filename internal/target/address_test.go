package target

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/vsock"
)

// checkLength checks the socklen_t of an address against its family.
func checkLength(t *testing.T, a Address) {
	t.Helper()
	length := len(a.Sockaddr())
	sane := false
	switch a.Family {
	case unix.AF_INET:
		sane = length == unix.SizeofSockaddrInet4
	case unix.AF_INET6:
		sane = length == unix.SizeofSockaddrInet6
	case unix.AF_UNIX:
		sane = length > offsetPath+1 && length <= unix.SizeofSockaddrUnix
	case unix.AF_VSOCK:
		sane = length == unix.SizeofSockaddrVM
	}
	if !sane {
		t.Errorf("%q: family %d, %d bytes of sockaddr", a, a.Family, length)
	}
}

// connect hands the bytes of the address to the kernel as they are, and
// returns the peer that the kernel then names.
func connect(t *testing.T, a Address) unix.Sockaddr {
	t.Helper()
	fd, err := unix.Socket(int(a.Family), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	raw := a.Sockaddr()
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&raw[0])), uintptr(len(raw)))
	if errno != 0 {
		t.Fatalf("connect to %q: %v", a, errno)
	}
	peer, err := unix.Getpeername(fd)
	if err != nil {
		t.Fatal(err)
	}
	return peer
}

// listen skips the test where this machine lacks the kind of address.
func listen(t *testing.T, network, address string) net.Addr {
	t.Helper()
	listener, err := net.Listen(network, address)
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr()
}

// The kernel must read each kind of address as the one that is meant.
func TestKernelAcceptsIP(t *testing.T) {
	for name, ip := range map[string]netip.Addr{
		"IPv4":            netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		"IPv6":            netip.IPv6Loopback(),
		"IPv6 link-local": linkLocal(),
	} {
		t.Run(name, func(t *testing.T) {
			if !ip.IsValid() {
				t.Skip("no interface has such an address")
			}
			// Only the port is taken from the listener: package net listens with
			// MPTCP, which does not tell the zone.
			free := netip.AddrPortFrom(ip, 0)
			port := listen(t, "tcp", free.String()).(*net.TCPAddr).AddrPort().Port()
			endpoint := netip.AddrPortFrom(ip, port)
			target, err := Parse(endpoint.String())
			if err != nil {
				t.Fatal(err)
			}
			addresses, err := target.Resolve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkLength(t, addresses[0])
			if got := addresses[0].String(); got != endpoint.String() {
				t.Errorf("prints as %q, want %q", got, endpoint)
			}
			var got netip.AddrPort
			switch peer := connect(t, addresses[0]).(type) {
			case *unix.SockaddrInet4:
				got = netip.AddrPortFrom(netip.AddrFrom4(peer.Addr), uint16(peer.Port))
			case *unix.SockaddrInet6:
				peerIP := netip.AddrFrom16(peer.Addr).WithZone(scopeIDToZone(peer.ZoneId))
				got = netip.AddrPortFrom(peerIP, uint16(peer.Port))
			}
			if got != endpoint {
				t.Errorf("the kernel connects to %v, want %v", got, endpoint)
			}
		})
	}
}

// linkLocal returns a link-local address of this machine with its zone, the
// zero Addr if there is none.
func linkLocal() netip.Addr {
	links, _ := net.Interfaces()
	for _, link := range links {
		addresses, _ := link.Addrs()
		for _, address := range addresses {
			prefix, err := netip.ParsePrefix(address.String())
			if err == nil && prefix.Addr().Is6() && prefix.Addr().IsLinkLocalUnicast() {
				return prefix.Addr().WithZone(link.Name)
			}
		}
	}
	return netip.Addr{}
}

func TestKernelAcceptsUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for name, path := range map[string]string{
		"path":                  path,
		"longest path":          path + strings.Repeat("x", maxPath-len(path)),
		"abstract name":         "@" + path,
		"longest abstract name": "@" + path + strings.Repeat("x", maxName-len(path)),
	} {
		t.Run(name, func(t *testing.T) {
			listen(t, "unix", path)
			address, err := FromUnix(path)
			if err != nil {
				t.Fatal(err)
			}
			checkLength(t, address)
			peer, ok := connect(t, address).(*unix.SockaddrUnix)
			if !ok || peer.Name != path || address.String() != path {
				t.Errorf("the kernel connects to %+v, the address prints as %q; want %q", peer, address, path)
			}
		})
	}
}

// TestKernelReadsVSOCK has the kernel bind an address, which it can be asked for
// without a machine to connect to. It binds any CID, which is none to connect to.
func TestKernelReadsVSOCK(t *testing.T) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("VSOCK: %v", err)
	}
	defer unix.Close(fd)
	const port = 0x12345678
	address, err := fromVsock(vsock.Address{CID: 7, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	checkLength(t, address)
	if address.String() != "vsock:7:305419896" {
		t.Errorf("it prints as %q", address)
	}
	binary.NativeEndian.PutUint32(address.raw[offsetCID:], unix.VMADDR_CID_ANY)
	raw := address.Sockaddr()
	if _, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&raw[0])), uintptr(len(raw))); errno != 0 {
		t.Fatalf("bind: %v", errno)
	}
	name, err := unix.Getsockname(fd)
	if vm, ok := name.(*unix.SockaddrVM); !ok || vm.Port != port || vm.CID != unix.VMADDR_CID_ANY {
		t.Errorf("the kernel binds %+v, %v", name, err)
	}
}

func TestAddressIsComparable(t *testing.T) {
	addressOf := func(text string) Address {
		t.Helper()
		address, err := FromAddrPort(netip.MustParseAddrPort(text))
		if err != nil {
			t.Fatal(err)
		}
		return address
	}
	if addressOf("[::1]:80") != addressOf("[0::1]:80") {
		t.Error("equal endpoints differ")
	}
	for _, other := range []string{"[::1]:81", "[::2]:80", "[::1%1]:80", "1.2.3.4:80"} {
		if addressOf("[::1]:80") == addressOf(other) {
			t.Errorf("[::1]:80 equals %s", other)
		}
	}
	if mapped, plain := addressOf("[::ffff:1.2.3.4]:80"), addressOf("1.2.3.4:80"); mapped == plain || mapped.Family != unix.AF_INET6 {
		t.Errorf("%v does not stay IPv6", mapped)
	}
}

func TestFromIPsDropsDuplicates(t *testing.T) {
	one, two := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.1")
	got, err := fromIPs([]netip.Addr{one, two, one}, 80)
	if err != nil || len(got) != 2 || got[0].String() != "192.0.2.2:80" || got[1].String() != "192.0.2.1:80" {
		t.Errorf("got %q, %v", texts(got), err)
	}
}

func TestNoAddress(t *testing.T) {
	if a, err := FromAddrPort(netip.AddrPort{}); err == nil || a != (Address{}) {
		t.Errorf("FromAddrPort of nothing = %v, %v", a, err)
	}
	if a, err := FromUnix("relative"); err == nil || a != (Address{}) {
		t.Errorf("FromUnix of a relative path = %v, %v", a, err)
	}
	if none := (Address{}); len(none.Sockaddr()) != 0 || none.String() != "" {
		t.Errorf("the zero Address has %x, %q", none.Sockaddr(), none)
	}
}

func TestAddressIP(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[fe80::1%7]:80": "fe80::1",
	} {
		address, err := FromAddrPort(netip.MustParseAddrPort(text))
		if err != nil || address.IP().String() != want {
			t.Errorf("%s: %v, %v, want %s", text, address.IP(), err, want)
		}
	}
	for _, address := range []Address{{}, must(FromUnix("/run/x"))} {
		if address.IP().IsValid() || address.Endpoint() != nil {
			t.Errorf("%q: %v, %v", address, address.IP(), address.Endpoint())
		}
	}
	if got := must(FromAddrPort(netip.MustParseAddrPort("192.0.2.1:80"))); !reflect.DeepEqual(got.Endpoint(), &unix.SockaddrInet4{Port: 80, Addr: [4]byte{192, 0, 2, 1}}) {
		t.Errorf("%+v", got.Endpoint())
	}
	want := &unix.SockaddrInet6{Port: 81, ZoneId: 7, Addr: netip.MustParseAddr("fe80::1").As16()}
	if got := must(FromAddrPort(netip.MustParseAddrPort("[fe80::1%7]:81"))); !reflect.DeepEqual(got.Endpoint(), want) {
		t.Errorf("%+v, want %+v", got.Endpoint(), want)
	}
}

func must(a Address, err error) Address {
	if err != nil {
		panic(err)
	}
	return a
}
