package forward

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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
	bind := Outbound{Bind4: netip.MustParseAddr("192.0.2.1"), Bind6: netip.MustParseAddr("2001:db8::1"), Mark: 5}
	transparent := Outbound{Transparent: true}
	for _, test := range []struct {
		name     string
		outbound Outbound
		to       string
		peer     unix.Sockaddr
		source   string // or a part of the error
	}{
		{"bound", bind, "198.51.100.1:80", nil, "192.0.2.1"},
		{"bound", bind, "[2001:db8::2]:80", nil, "2001:db8::1"},
		{"bound, to IPv4 as IPv6", bind, "[::ffff:198.51.100.1]:80", nil, "192.0.2.1"},
		{"bound", bind, "/run/x", nil, "invalid IP"},
		{"bound", bind, "vsock:2:80", nil, "invalid IP"},
		{"bound", Outbound{Bind4: bind.Bind4}, "[2001:db8::2]:80", nil, "no IPv6 address in --bind="},
		{"bound", Outbound{Bind6: bind.Bind6}, "[::ffff:198.51.100.1]:80", nil, "no IPv4 address in --bind="},
		{"marked", Outbound{Mark: 5}, "198.51.100.1:80", nil, "invalid IP"},
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
		{"transparent", transparent, "198.51.100.1:80", nil, ErrClientLeft.Error()},
		{"transparent", transparent, "198.51.100.1:80", &unix.SockaddrInet4{}, "is not a usable source address"},
	} {
		outfit, err := test.outbound.Outfit(addressOf(t, test.to), nil, test.peer)
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
	policy := &Policy{ProxyProtocol: ProxyProtocol{Accept: true}, Outbound: Outbound{Transparent: true}}
	for header, want := range map[string]string{
		"PROXY TCP4 198.51.100.1 198.51.100.2 1 2\r\n":       "198.51.100.1",
		"PROXY TCP6 ::ffff:198.51.100.1 2001:db8::2 1 2\r\n": "198.51.100.1",
		"PROXY UNKNOWN\r\n": "192.0.2.9",
		string(proxyprotocol.Format(proxyprotocol.V2, proxyprotocol.Addresses{Source: &net.UnixAddr{Net: "unix", Name: "/a"}, Destination: &net.UnixAddr{Net: "unix", Name: "/b"}}, nil)): "192.0.2.9",
	} {
		prologue := policy.NewPrologue()
		if n := copy(prologue.Room(), header); n != len(header) {
			t.Fatalf("%d bytes of %d", n, len(header))
		}
		if complete, err := prologue.Received(len(header)); !complete || err != nil {
			t.Fatal(complete, err)
		}
		if err := policy.Complete(prologue, nil, peer); err != nil {
			t.Fatal(err)
		}
		outfit, err := policy.Outbound.Outfit(addressOf(t, "203.0.113.1:80"), prologue, peer)
		if err != nil || outfit.Source.String() != want {
			t.Errorf("%q: %+v, %v; want %s", header, outfit, err, want)
		}
	}
}

func TestSkip(t *testing.T) {
	if behind := (*Prologue)(nil).Skip(7); behind != 7 {
		t.Errorf("without a prologue, %d of 7 came behind it", behind)
	}
	for n, want := range map[int]struct {
		left   string
		behind int
	}{0: {"header", 0}, 2: {"ader", 0}, 6: {"", 0}, 9: {"", 3}} {
		p := &Prologue{Bytes: []byte("header")}
		if behind := p.Skip(n); behind != want.behind || string(p.Bytes) != want.left {
			t.Errorf("of %d bytes, %d came behind, and %q is left; want %+v", n, behind, p.Bytes, want)
		}
	}
}

func TestOutboundCheck(t *testing.T) {
	parse := func(text string) target.Target {
		to, err := target.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return to
	}
	here4, here6 := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	for _, test := range []struct {
		name     string
		outbound Outbound
		targets  []string
		says     string // nothing: it is right
	}{
		{"nothing", Outbound{}, []string{"/x"}, ""},
		{"fast open", Outbound{FastOpen: true}, []string{"/x"}, ""},
		{"bound", Outbound{Bind4: here4}, []string{"127.0.0.1:80"}, ""},
		{"bound", Outbound{Bind4: here4}, []string{"localhost:80"}, ""},
		{"bound", Outbound{Bind4: here4}, []string{"*:80"}, ""},
		{"bound", Outbound{Bind4: here4}, []string{"[::ffff:127.0.0.1]:80"}, ""},
		{"bound", Outbound{Bind4: here4}, []string{"/x", "127.0.0.1:80"}, ""},
		{"bound", Outbound{Bind4: here4}, []string{"/x"}, `target "/x": --mark=, --bind= and --transparent are for TCP targets`},
		{"bound", Outbound{Bind4: here4}, []string{"[::1]:80"}, `target "[::1]:80": no IPv6 address to connect from; add --bind= with an IPv6 address`},
		{"bound", Outbound{Bind6: here6}, []string{"127.0.0.1:80"}, `target "127.0.0.1:80": no IPv4 address to connect from; add --bind= with an IPv4 address`},
		{"both", Outbound{Bind4: here4, Transparent: true}, []string{"127.0.0.1:80"}, "--bind= and --transparent each set the source address of connections to the target; leave one out"},
		{"foreign", Outbound{Bind4: netip.MustParseAddr("192.0.2.1")}, []string{"127.0.0.1:80"}, "--bind=192.0.2.1: bind: cannot assign requested address; no network interface has this address"},
		{"no interface", Outbound{Bind6: netip.MustParseAddr("fe80::1")}, []string{"[::1]:80"}, "--bind=fe80::1: bind: invalid argument; a link-local address needs its interface: ADDRESS%INTERFACE"},
	} {
		var targets []target.Target
		for _, text := range test.targets {
			targets = append(targets, parse(text))
		}
		err := test.outbound.Check(targets...)
		switch {
		case err != nil && errors.Is(err, unix.EAFNOSUPPORT):
			t.Logf("no IPv6: %v", err)
		case errors.Is(err, unix.ENOPROTOOPT): // qemu-user does not know all options
			t.Logf("not here: %v", err)
		case (err == nil) != (test.says == ""), err != nil && !strings.HasPrefix(err.Error(), test.says):
			t.Errorf("%s, targets %q:\n got %v\nwant %s", test.name, test.targets, err, test.says)
		}
	}
}
