package network

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Add gives the end one more address, in a network of 24 bits or, of IPv6, 64. It may be
// used at once: nobody is asked whether it is taken.
func (e *End) Add(t testing.TB, address string) {
	t.Helper()
	ip := netip.MustParseAddr(address)
	bits := 24
	if ip.Is6() {
		bits = 64
	}
	network := &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(bits, ip.BitLen())}
	if err := e.route.AddrAdd(e.link, &netlink.Addr{IPNet: network, Flags: unix.IFA_F_NODAD}); err != nil {
		if ip.Is6() {
			t.Skipf("namespace %s, no IPv6: %v", e.Name, err)
		}
		t.Fatalf("namespace %s, address %s: %v", e.Name, address, err)
	}
}

// Via sends what is for elsewhere through a neighbour, as "ip route add default via" does.
func (n *Namespace) Via(t testing.TB, neighbour string) {
	t.Helper()
	if err := n.route.RouteAdd(&netlink.Route{Gw: net.ParseIP(neighbour)}); err != nil {
		t.Fatalf("namespace %s, route via %s: %v", n.Name, neighbour, err)
	}
}

// TakeReplies delivers to the namespace's own sockets what TCP sends from an address and
// port, wherever it is for:
//
//	ip rule add from ADDRESS ipproto tcp sport PORT lookup 100
//	ip route add local default dev lo table 100
func (n *Namespace) TakeReplies(t testing.TB, from netip.AddrPort) {
	t.Helper()
	const table = 100
	ip := from.Addr()
	family, everywhere := unix.AF_INET, "0.0.0.0/0"
	if ip.Is6() {
		family, everywhere = unix.AF_INET6, "::/0"
	}
	rule := netlink.NewRule()
	rule.Family, rule.Table, rule.IPProto = family, table, unix.IPPROTO_TCP
	rule.Src = &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())}
	rule.Sport = netlink.NewRulePortRange(from.Port(), from.Port())
	if err := n.route.RuleAdd(rule); err != nil {
		t.Fatalf("namespace %s, rule: %v", n.Name, err)
	}
	loopback, err := n.route.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	_, all, err := net.ParseCIDR(everywhere)
	if err != nil {
		t.Fatal(err)
	}
	err = n.route.RouteReplace(&netlink.Route{
		Table: table, Type: unix.RTN_LOCAL, Scope: unix.RT_SCOPE_HOST, Dst: all, LinkIndex: loopback.Attrs().Index,
	})
	if err != nil {
		t.Fatalf("namespace %s, local route: %v", n.Name, err)
	}
}
