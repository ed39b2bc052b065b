package activation

import (
	"errors"
	"fmt"
	"math"

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
// Before it may stand a name for the listener and "=", as in web=127.0.0.1:80, but
// not before an address that begins with /, @ or [: there a "=" is part of it.
//
// With port 0 the kernel picks a free port, which Listener.Address shows. As
// with BindIPv6Only=default, whether an IPv6 wildcard serves IPv4 as well is the
// system's choice (net.ipv6.bindv6only).
//
// A UNIX path is created with the permissions that the umask leaves. A socket
// file that nobody listens on is replaced; anything else in its place is an
// error and stays untouched.
//
// The caller closes the listener. Errors name the option, its value, the reason
// and a remedy.
func Listen(spec string) (*Listener, error) {
	name, address, err := splitName(spec)
	if err != nil {
		return nil, fmt.Errorf("--listen=%q: %w", spec, err)
	}
	return listen("--listen", spec, name, address)
}

// ListenFor is Listen for the value of another option, which errors name, and for a
// socket that package net is to accept from. It takes no name, and no VSOCK.
func ListenFor(option, spec string) (*Listener, error) {
	if where, err := parseSpec(spec); err == nil && where.isVsock {
		return nil, fmt.Errorf("%s=%q: %w", option, spec, errVsock)
	}
	return listen(option, spec, ownName, spec)
}

// errVsock is for addresses that package net does not know.
var errVsock = errors.New("VSOCK is not supported here; write PORT, IPV4:PORT, [IPV6]:PORT, /PATH or @NAME")

func listen(option, value, name, address string) (*Listener, error) {
	l, err := listenAt(name, address)
	if err != nil {
		return nil, fmt.Errorf("%s=%q: %w", option, value, err)
	}
	return l, nil
}

func listenAt(name, address string) (*Listener, error) {
	where, err := parseSpec(address)
	if err != nil {
		return nil, err
	}
	l, err := open(name, where)
	if where.anyHost && errors.Is(err, unix.EAFNOSUPPORT) {
		return open(name, where.withoutIPv6())
	}
	return l, err
}

func open(name string, where endpoint) (*Listener, error) {
	fd, err := unix.Socket(where.family(), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w; is the address family there (for VSOCK: modprobe vsock), and allowed (RestrictAddressFamilies=)?", err)
	}
	l := &Listener{FD: fd, Name: name, Family: where.family()}
	if err := l.start(where); err != nil {
		_ = l.Close() // removes the path again, if start came that far
		return nil, err
	}
	return l, nil
}

func (l *Listener) start(where endpoint) (err error) {
	if err := l.bind(where); err != nil {
		return err
	}
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
		// As systemd does: a restart must not wait for old connections to leave
		// TIME_WAIT (socket(7)).
		if err := unix.SetsockoptInt(l.FD, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return fmt.Errorf("SO_REUSEADDR: %w", err)
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
		return "this machine has no such CID; vsock::PORT takes each that it has"
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
