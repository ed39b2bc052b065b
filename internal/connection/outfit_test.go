package connection

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/proxyprotocol"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

func addressOf(t *testing.T, text string) *target.Address {
	t.Helper()
	if text[0] == '/' || strings.HasPrefix(text, "vsock:") {
		to, err := target.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		addresses, _ := to.Literal()
		return &addresses[0]
	}
	a, err := target.FromAddrPort(netip.MustParseAddrPort(text))
	if err != nil {
		t.Fatal(err)
	}
	return &a
}

func TestOutfit(t *testing.T) {
	v4 := &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 9}, Port: 1}
	v6 := &unix.SockaddrInet6{Addr: netip.MustParseAddr("2001:db8::9").As16(), Port: 1}
	mapped := &unix.SockaddrInet6{Addr: netip.MustParseAddr("::ffff:192.0.2.9").As16(), Port: 1}
	linkLocal := &unix.SockaddrInet6{Addr: netip.MustParseAddr("fe80::9").As16(), ZoneId: 7}
	bind := forward.Outbound{Bind4: netip.MustParseAddr("192.0.2.1"), Bind6: netip.MustParseAddr("2001:db8::1"), Mark: 5}
	transparent := forward.Outbound{Transparent: true}
	for _, test := range []struct {
		name     string
		outbound forward.Outbound
		to       string
		peer     unix.Sockaddr
		source   string // or a part of the error
	}{
		{"bound", bind, "198.51.100.1:80", nil, "192.0.2.1"},
		{"bound", bind, "[2001:db8::2]:80", nil, "2001:db8::1"},
		{"bound, to IPv4 as IPv6", bind, "[::ffff:198.51.100.1]:80", nil, "192.0.2.1"},
		{"bound", bind, "/run/x", nil, "invalid IP"},
		{"bound", bind, "vsock:2:80", nil, "invalid IP"},
		{"bound", forward.Outbound{Bind4: bind.Bind4}, "[2001:db8::2]:80", nil, "no IPv6 address in --bind="},
		{"bound", forward.Outbound{Bind6: bind.Bind6}, "[::ffff:198.51.100.1]:80", nil, "no IPv4 address in --bind="},
		{"marked", forward.Outbound{Mark: 5}, "198.51.100.1:80", nil, "invalid IP"},
		{"transparent", transparent, "198.51.100.1:80", v4, "192.0.2.9"},
		{"transparent", transparent, "198.51.100.1:80", mapped, "192.0.2.9"},
		{"transparent", transparent, "[::ffff:198.51.100.1]:80", v4, "192.0.2.9"},
		{"transparent", transparent, "[2001:db8::2]:80", v6, "2001:db8::9"},
		{"transparent", transparent, "[fe80::2%7]:80", linkLocal, "fe80::9%7"},
		{"transparent", transparent, "/run/x", nil, "invalid IP"},
		{"transparent", transparent, "198.51.100.1:80", &unix.SockaddrUnix{Name: "@"}, "invalid IP"},
		{"transparent", transparent, "198.51.100.1:80", &unix.SockaddrVM{CID: 3}, "no IP address"},
		{"transparent", transparent, "198.51.100.1:80", v6, "is IPv6"},
		{"transparent", transparent, "[2001:db8::2]:80", mapped, "is IPv4"},
		{"transparent", transparent, "198.51.100.1:80", nil, errClientLeft.Error()},
		{"transparent", transparent, "198.51.100.1:80", &unix.SockaddrInet4{}, "is not a usable source address"},
	} {
		outfit, err := outfitFor(&test.outbound, addressOf(t, test.to), nil, test.peer)
		switch {
		case err != nil:
			if !strings.Contains(err.Error(), test.source) || outfit != (socket.Outfit{}) {
				t.Errorf("%s, to %s: %+v, %v; want %s", test.name, test.to, outfit, err, test.source)
			}
		case outfit.Source.String() != test.source, outfit.Transparent != (test.outbound.Transparent && outfit.Source.IsValid()),
			outfit.Mark != test.outbound.Mark && addressOf(t, test.to).IP().IsValid():
			t.Errorf("%s, to %s: %+v; want %s", test.name, test.to, outfit, test.source)
		}
	}
}

// TestTold looks at what a header says of a client.
func TestTold(t *testing.T) {
	peer := &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 9}, Port: 1}
	policy := &forward.Policy{ProxyProtocol: forward.ProxyProtocol{Accept: true}, Outbound: forward.Outbound{Transparent: true}}
	for header, want := range map[string]string{
		"PROXY TCP4 198.51.100.1 198.51.100.2 1 2\r\n":       "198.51.100.1",
		"PROXY TCP6 ::ffff:198.51.100.1 2001:db8::2 1 2\r\n": "198.51.100.1",
		"PROXY UNKNOWN\r\n": "192.0.2.9",
		string(proxyprotocol.Format(proxyprotocol.V2, proxyprotocol.Addresses{Source: &net.UnixAddr{Net: "unix", Name: "/a"}, Destination: &net.UnixAddr{Net: "unix", Name: "/b"}}, nil)): "192.0.2.9",
	} {
		prologue := newPrologue(policy.ProxyProtocol)
		if n := copy(prologue.Room(), header); n != len(header) {
			t.Fatalf("%d bytes of %d", n, len(header))
		}
		if complete, err := prologue.Received(len(header)); !complete || err != nil {
			t.Fatal(complete, err)
		}
		if err := prologue.complete(policy.ProxyProtocol.Send, nil, peer); err != nil {
			t.Fatal(err)
		}
		outfit, err := outfitFor(&policy.Outbound, addressOf(t, "203.0.113.1:80"), prologue, peer)
		if err != nil || outfit.Source.String() != want {
			t.Errorf("%q: %+v, %v; want %s", header, outfit, err, want)
		}
	}
}
