package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
)

// packetMark is the value of --mark=.
type packetMark uint32

func (m *packetMark) Set(value string) error {
	digits, base := value, 10
	if hex, ok := strings.CutPrefix(strings.ToLower(value), "0x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n == 0 || base == 10 && digits[0] == '0' {
		return fmt.Errorf("need a number from 1 to %d, or from 0x1 to 0x%[1]x", uint32(math.MaxUint32))
	}
	*m = packetMark(n)
	return nil
}
func (m *packetMark) String() string {
	if *m == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(*m), 10)
}
func (m *packetMark) Type() string { return "N" }

// bindAddresses are the values of --bind=, at most one of each family.
type bindAddresses struct{ ipv4, ipv6 netip.Addr }

func (b *bindAddresses) Set(value string) error {
	ip, err := netip.ParseAddr(value)
	if err != nil {
		return errors.New("need an IPv4 or IPv6 address of this machine, without a port and without brackets")
	}
	ip = ip.Unmap()
	place := &b.ipv6
	if ip.Is4() {
		place = &b.ipv4
	}
	switch {
	case ip.IsUnspecified(), ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return errors.New("cannot be a source address; need an address of this machine")
	case place.IsValid():
		return fmt.Errorf("%s is already given; give at most one address of each family", place)
	case ip.Zone() != "" && !ip.IsLinkLocalUnicast():
		return fmt.Errorf("only link-local addresses take an interface; leave out %%%s", ip.Zone())
	}
	*place = ip
	return nil
}
func (b *bindAddresses) String() string { return "" }
func (b *bindAddresses) Type() string   { return "ADDRESS" }

// outbound returns how connections to targets are made.
func (o *options) outbound() forward.Outbound {
	return forward.Outbound{
		FastOpen:    bool(o.fastOpen),
		Mark:        uint32(o.mark),
		Bind4:       o.bind.ipv4,
		Bind6:       o.bind.ipv6,
		Transparent: bool(o.transparent),
	}
}

// prepareOutbound reports what would fail later, and makes listeners accept bytes that
// come with the connect.
func prepareOutbound(policy *forward.Policy, clients []crew.Client, s sockets, log *slog.Logger) error {
	var targets []target.Target
	for _, route := range policy.Routes {
		targets = append(targets, route.Target)
	}
	for _, client := range clients {
		targets = append(targets, client.Route.Target)
	}
	if err := policy.Outbound.Check(targets...); err != nil || !policy.Outbound.FastOpen {
		return err
	}
	for _, l := range s.listeners {
		if err := l.FastOpen(); err != nil {
			return fmt.Errorf("--fast-open: %w", err)
		}
	}
	if err := forward.CheckFastOpen(); err != nil {
		log.Warn("--fast-open has no effect towards targets", "reason", err)
	}
	return nil
}
