package activation

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// patience is how long to wait for an address that is in use. When a process was killed,
// the kernel releases its sockets only after it has taken down its rings, some time after
// the process is gone: 2 to 60 ms have been seen. A program that is restarted at once
// must not fail because its predecessor still listens.
const patience = 2 * time.Second

// tryEvery is how long to wait between two tries. There is no event to wait for.
const tryEvery = 10 * time.Millisecond

// awaitFree waits until it is worth trying again to listen at an address that is in use.
// It reports false when the time for that is over.
func (e endpoint) awaitFree(deadline time.Time) bool {
	for time.Now().Before(deadline) {
		time.Sleep(tryEvery)
		if e.family() != unix.AF_UNIX || e.unix[0] != '/' || socketGone(e.unix) {
			return true
		}
	}
	return false
}

// socketGone reports whether the socket of a socket file no longer exists. Unlike the
// probe of [removeStale], it does not connect: a process that listens there for good
// reason should not get a connection at every try. The kernel checks whether there is a
// socket before it checks whether it has the same type (unix_find_bsd).
func socketGone(path string) bool {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOENT)
}

// leaveIPv4 makes listeners at all addresses IPv6-only if another listener has their port
// at all IPv4 addresses.
func leaveIPv4(wanted []request, others []*Listener) {
	all := make(map[uint16]bool) // ports that some listener has at all IPv4 addresses
	note := func(address netip.AddrPort) {
		if address.Addr() == netip.IPv4Unspecified() && address.Port() != 0 {
			all[address.Port()] = true
		}
	}
	for _, r := range wanted {
		note(r.where.ip)
	}
	for _, l := range others {
		note(l.ip())
	}
	for i := range wanted {
		where := &wanted[i].where
		where.onlyIPv6 = where.ip.Addr() == netip.IPv6Unspecified() && all[where.ip.Port()]
	}
}

// takenBy returns the one of our own listeners that has an address, or nil.
func (e endpoint) takenBy(ours []*Listener) *Listener {
	for _, l := range ours {
		if l.Family == unix.AF_UNIX && e.unix != "" && l.Address == e.unix {
			return l
		}
		if l.Family == unix.AF_VSOCK && e.isVsock && l.Address == e.vsock.String() {
			return l
		}
		if socket.IsIP(l.Family) && e.ip.IsValid() && e.meets(l) {
			return l
		}
	}
	return nil
}

// meets reports whether an IP address conflicts with that of a listener.
func (e endpoint) meets(l *Listener) bool {
	want, has := e.ip, l.ip()
	if want.Port() != has.Port() {
		return false
	}
	if e.family() == l.Family {
		return want.Addr() == has.Addr() || want.Addr().IsUnspecified() || has.Addr().IsUnspecified()
	}
	// A listener at all IPv6 addresses has the IPv4 ones too, unless told not to.
	if l.Family == unix.AF_INET6 {
		only, err := unix.GetsockoptInt(l.FD, unix.SOL_IPV6, unix.IPV6_V6ONLY)
		return err == nil && only == 0 && has.Addr().IsUnspecified()
	}
	return want.Addr().IsUnspecified() && !e.onlyIPv6
}

// ip returns where a TCP listener listens; it is invalid for others.
func (l *Listener) ip() netip.AddrPort {
	if !socket.IsIP(l.Family) {
		return netip.AddrPort{}
	}
	address, _ := netip.ParseAddrPort(l.Address)
	return address
}
