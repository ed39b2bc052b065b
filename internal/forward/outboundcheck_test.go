package forward

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/target"
)

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
