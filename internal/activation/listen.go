package activation

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// backlog is the Backlog= default of systemd.socket(5): as much as the kernel
// allows. The kernel lowers it to net.core.somaxconn without an error.
const backlog = math.MaxInt32

// Listen opens the listener that the --listen= value spec asks for, in the
// syntax of ListenStream= (systemd.socket(5)):
//
//	8080                 a port alone: all addresses, IPv6 and IPv4
//	127.0.0.1:80         IPv4
//	[::1]:80             IPv6
//	[fe80::1]:80%eth0    IPv6 link-local; also [fe80::1%eth0]:80
//	/run/x               UNIX path
//	@name                UNIX abstract name
//	vsock:2:80           VSOCK; vsock::80 for each CID that this machine has
//
// A name for the listener and "=" may precede the address, as in web=127.0.0.1:80. In a
// spec that begins with /, @ or [, a "=" is part of the address.
//
// With port 0 the kernel picks a free port, which Listener.Address shows. As with
// BindIPv6Only=default, the system decides whether an IPv6 wildcard serves IPv4 as well
// (net.ipv6.bindv6only).
//
// A UNIX path is created with the permissions that the umask leaves. A socket
// file that nobody listens on is replaced; anything else in its place is an
// error and stays untouched.
//
// If another process has the address, Listen waits for it, for as long as patience.
//
// The caller closes the listener. Errors name the option, its value, the reason
// and a remedy.
func Listen(spec string) (*Listener, error) {
	listeners, err := ListenAll([]string{spec}, nil)
	if err != nil {
		return nil, err
	}
	return listeners[0], nil
}

// ListenAll is Listen for several values, all of them or none, in a process that already
// has other listeners. If one is for a port of 0.0.0.0 and another for the same port of
// all addresses, the latter becomes IPv6-only: otherwise the kernel would refuse it.
func ListenAll(specs []string, others []*Listener) (listeners []*Listener, err error) {
	defer func() {
		if err != nil {
			closeAll(listeners)
			listeners = nil
		}
	}()
	wanted := make([]request, len(specs))
	for i, spec := range specs {
		if wanted[i], err = parseRequest(spec); err != nil {
			return nil, err
		}
	}
	leaveIPv4(wanted, others)
	for _, r := range wanted {
		l, err := r.open(slices.Concat(others, listeners))
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// ListenFor is ListenAll for the value of another option, which errors name, and for a
// socket that package net will accept from. It takes no name and no VSOCK address.
func ListenFor(option, spec string, others []*Listener) (*Listener, error) {
	where, err := parseSpec(spec)
	if err == nil && where.isVsock {
		err = errVsock
	}
	if err != nil {
		return nil, fmt.Errorf("%s=%q: %w", option, spec, err)
	}
	r := []request{{option, spec, ownName, where}}
	leaveIPv4(r, others)
	return r[0].open(others)
}

// errVsock is the error for addresses that package net does not know.
var errVsock = errors.New("VSOCK is not supported here; write PORT, IPV4:PORT, [IPV6]:PORT, /PATH or @NAME")

// request is a listener that an option asks for.
type request struct {
	option, value string // for errors
	name          string
	where         endpoint
}

func parseRequest(spec string) (request, error) {
	name, address, err := splitName(spec)
	if err == nil {
		var where endpoint
		if where, err = parseSpec(address); err == nil {
			return request{"--listen", spec, name, where}, nil
		}
	}
	return request{}, fmt.Errorf("--listen=%q: %w", spec, err)
}

func (r request) open(ours []*Listener) (*Listener, error) {
	l, err := open(r.name, r.where, ours)
	if r.where.anyHost && errors.Is(err, unix.EAFNOSUPPORT) {
		l, err = open(r.name, r.where.withoutIPv6(), ours)
	}
	if err != nil {
		return nil, fmt.Errorf("%s=%q: %w", r.option, r.value, err)
	}
	return l, nil
}

// open opens a listener, and waits if its address is in use.
func open(name string, where endpoint, ours []*Listener) (*Listener, error) {
	for deadline := time.Now().Add(patience); ; {
		l, err := openOnce(name, where)
		if !errors.Is(err, unix.EADDRINUSE) {
			return l, err
		}
		if own := where.takenBy(ours); own != nil {
			return nil, fmt.Errorf("this program already listens on %s (%q); remove one of the two", own.Address, own.Name)
		}
		if !where.awaitFree(deadline) {
			return nil, err
		}
	}
}

func openOnce(name string, where endpoint) (*Listener, error) {
	fd, err := unix.Socket(where.family(), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w; is the address family available (for VSOCK: modprobe vsock) and allowed (RestrictAddressFamilies=)?", err)
	}
	l := &Listener{FD: fd, Name: name, Family: where.family()}
	if err := l.start(where); err != nil {
		_ = l.Close() // also removes the path, if start got that far
		return nil, err
	}
	return l, nil
}

func (l *Listener) start(where endpoint) (err error) {
	if err := l.bind(where); err != nil {
		return err
	}
	var sockets socket.System
	l.inherits = sockets.Accepting(l.FD, l.Family)
	if err := unix.Listen(l.FD, backlog); err != nil {
		return fmt.Errorf("listen: %w; %s", err, remedy(l.Family, err))
	}
	l.Address, l.Port, err = localAddress(l.FD)
	return err
}

func (l *Listener) bind(where endpoint) (err error) {
	if where.unix != "" && where.unix[0] == '/' {
		l.path, err = bindPath(l.FD, where.unix)
		return err
	}
	if socket.IsIP(l.Family) {
		// As in systemd: a restart must not wait for old connections to leave
		// TIME_WAIT (socket(7)).
		if err := unix.SetsockoptInt(l.FD, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return fmt.Errorf("SO_REUSEADDR: %w", err)
		}
	}
	if where.onlyIPv6 {
		if err := unix.SetsockoptInt(l.FD, unix.SOL_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return fmt.Errorf("IPV6_V6ONLY: %w", err)
		}
	}
	address, err := where.sockaddr()
	if err != nil {
		return err
	}
	if err := unix.Bind(l.FD, address); err != nil {
		return fmt.Errorf("bind: %w; %s", err, remedy(l.Family, err))
	}
	return nil
}

// remedy is the hint that follows an error of bind(2) or listen(2) on a socket of a
// family.
func remedy(family int, err error) string {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return "stop the process that listens there, or choose another address"
	case errors.Is(err, unix.EADDRNOTAVAIL) && family == unix.AF_VSOCK:
		return "this machine has no such CID; vsock::PORT listens on each that it has"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return "no network interface has this address (yet)"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "check the directory's permissions, and for ports below 1024 CAP_NET_BIND_SERVICE"
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return "create the directory first (RuntimeDirectory=)"
	case errors.Is(err, unix.EINVAL):
		return "a link-local address needs its interface: [ADDRESS]:PORT%INTERFACE"
	}
	return "see bind(2)"
}
