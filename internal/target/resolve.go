package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Resolve returns every address of the target, in the order of preference
// that the system's resolver gives (RFC 6724), without duplicates. There is at
// least one unless the error is set; the error names host and service. The
// caller must not change the addresses.
//
// Names are looked up anew by each call, as the original does for each
// connection, so a target may move. With cgo, names that only the C library
// knows (nss-mymachines(8)) resolve as well.
func (t Target) Resolve(ctx context.Context) ([]Address, error) {
	return t.ResolveOnly(ctx, Both)
}

// Families are the IP address families that a name is looked up for, by the names of
// package net.
type Families string

// The families. A lookup of one does not wait for an answer about the other, if the
// resolver can ask for one alone.
const (
	Both Families = "ip"
	IPv4 Families = "ip4"
	IPv6 Families = "ip6"
)

// ResolveOnly is Resolve for a name's addresses of certain families.
func (t Target) ResolveOnly(ctx context.Context, families Families) ([]Address, error) {
	if t.literal != nil {
		return t.literal, nil
	}
	addresses, err := t.lookup(ctx, families)
	if err != nil {
		return nil, fmt.Errorf("target %q: cannot resolve host %q, service %q: %w", t.text, t.host, t.service, err)
	}
	return addresses, nil
}

func (t Target) lookup(ctx context.Context, families Families) ([]Address, error) {
	port, err := t.lookupPort(ctx)
	if err != nil {
		return nil, err
	}
	ips, err := t.lookupIPs(ctx, families)
	if err != nil {
		return nil, err
	}
	return fromIPs(ips, port)
}

func (t Target) lookupPort(ctx context.Context) (uint16, error) {
	if t.port != 0 {
		return t.port, nil
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", t.service)
	return uint16(port), err
}

func (t Target) lookupIPs(ctx context.Context, families Families) ([]netip.Addr, error) {
	if t.ips != nil {
		return t.ips, nil
	}
	if families != Both {
		return t.lookupFamily(ctx, families)
	}
	answers, err := net.DefaultResolver.LookupIPAddr(ctx, t.host)
	if err != nil {
		return nil, err
	}
	var ips []netip.Addr
	for _, answer := range answers {
		// Package net keeps IPv4 addresses in their IPv6-mapped form.
		if ip, ok := netip.AddrFromSlice(answer.IP); ok {
			ips = append(ips, ip.Unmap().WithZone(answer.Zone))
		}
	}
	return ips, nil
}

// lookupFamily asks for one family. Package net drops zones there, so addresses that need
// one, which only a file can provide, are left to a lookup of both families.
func (t Target) lookupFamily(ctx context.Context, families Families) ([]netip.Addr, error) {
	answers, err := net.DefaultResolver.LookupNetIP(ctx, string(families), t.host)
	if err != nil {
		return nil, err
	}
	var ips []netip.Addr
	for _, answer := range answers {
		if ip := answer.Unmap(); !ip.IsLinkLocalUnicast() || ip.Is4() {
			ips = append(ips, ip)
		}
	}
	if ips == nil {
		return nil, errNoneOfFamily
	}
	return ips, nil
}

var errNoneOfFamily = errors.New("no address of that family without an interface")
