package network

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
)

// End is one end of a link.
type End struct {
	*Namespace
	Address netip.Addr
	link    netlink.Link
}

// Join joins two namespaces by a link with the two addresses, in a network of 24 bits.
func Join(t testing.TB, a *Namespace, addressA string, b *Namespace, addressB string) (endA, endB *End) {
	t.Helper()
	toB, toA := "to-"+b.Name, "to-"+a.Name
	err := a.route.LinkAdd(&netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: toB},
		PeerName:      toA,
		PeerNamespace: netlink.NsFd(b.handle),
	})
	if err != nil {
		t.Skipf("no virtual Ethernet links (module veth): %v", err)
	}
	for _, end := range []struct {
		to      **End
		in      *Namespace
		name    string
		address string
	}{{&endA, a, toB, addressA}, {&endB, b, toA, addressB}} {
		if *end.to, err = end.in.bringUp(end.name, end.address); err != nil {
			t.Fatalf("namespace %s, link %s: %v", end.in.Name, end.name, err)
		}
	}
	return endA, endB
}

// bringUp gives a link its address. The kernel may hand such a link packets of 64
// KiB, which no wire carries; here each has one segment, so that losing one is what
// it is on a real path.
func (n *Namespace) bringUp(name, address string) (*End, error) {
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return nil, err
	}
	prefix, err := netlink.ParseAddr(fmt.Sprintf("%s/24", parsed))
	if err != nil {
		return nil, err
	}
	link, err := n.route.LinkByName(name)
	if err != nil {
		return nil, err
	}
	if err := n.route.AddrAdd(link, prefix); err != nil {
		return nil, fmt.Errorf("address %s: %w", address, err)
	}
	if err := n.route.LinkSetGSOMaxSegs(link, 1); err != nil {
		return nil, fmt.Errorf("packets of one segment: %w", err)
	}
	return &End{n, parsed, link}, n.route.LinkSetUp(link)
}

// SetMTU sets how long packets over the namespace's loopback may be. They are of one segment
// then, see bringUp.
func (n *Namespace) SetMTU(t testing.TB, bytes int) {
	t.Helper()
	loopback, err := n.route.LinkByName("lo")
	if err != nil {
		t.Fatalf("namespace %s: %v", n.Name, err)
	}
	if err := n.route.LinkSetMTU(loopback, bytes); err != nil {
		t.Fatalf("namespace %s: %v", n.Name, err)
	}
}
