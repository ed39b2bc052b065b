package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Transport is a kind of stream socket.
type Transport string

// The transports that a listener and a target may have.
const (
	TCP4     Transport = "tcp4"
	TCP6     Transport = "tcp6"
	Unix     Transport = "unix-path"
	Abstract Transport = "unix-abstract"
	VSOCK    Transport = "vsock" // of this machine, which must have its loopback: NeedVSOCK
)

// Transports are those that every machine has.
var Transports = []Transport{TCP4, TCP6, Unix, Abstract}

// IsTCP reports whether the transport knows resets and ports.
func (tr Transport) IsTCP() bool { return tr == TCP4 || tr == TCP6 }

// Address is where a socket listens.
type Address struct {
	Transport Transport
	// Network and Text are as package net takes them.
	Network, Text string
}

// Target writes the address as a proxy's positional argument, in the form that
// the original takes too.
func (a Address) Target() string {
	if a.Transport == TCP6 {
		host, port, _ := net.SplitHostPort(a.Text)
		return host + ":" + port
	}
	return a.Text
}

// Port is a TCP address's port.
func (a Address) Port() string {
	_, port, _ := net.SplitHostPort(a.Text)
	return port
}

// SocketOptions are set before bind or connect. Zero leaves the kernel's.
type SocketOptions struct {
	ReceiveBuffer, SendBuffer int
	From                      net.Addr // where a client connects from; nil leaves it to the kernel
	MaxSegment                int      // of TCP, each way
}

func (o SocketOptions) control(network, _ string, raw syscall.RawConn) error {
	var failed error
	set := func(fd uintptr, level, option, value int) {
		if value > 0 && failed == nil {
			failed = unix.SetsockoptInt(int(fd), level, option, value)
		}
	}
	err := raw.Control(func(fd uintptr) {
		set(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, o.ReceiveBuffer)
		set(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, o.SendBuffer)
		if strings.HasPrefix(network, "tcp") {
			set(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, o.MaxSegment)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

var abstractNames atomic.Int64

// NewAddress returns an address that nobody listens on: for TCP one with port 0.
func NewAddress(t testing.TB, tr Transport) Address {
	t.Helper()
	switch tr {
	case TCP4:
		return Address{tr, "tcp4", "127.0.0.1:0"}
	case TCP6:
		return Address{tr, "tcp6", "[::1]:0"}
	case VSOCK:
		return newVSOCKAddress()
	case Abstract:
		return Address{tr, "unix", fmt.Sprintf("@proxy-test-%d-%d", os.Getpid(), abstractNames.Add(1))}
	}
	return Address{tr, "unix", filepath.Join(ShortDir(t), "s")}
}

// ShortDir is a temporary directory whose path leaves room in a UNIX address,
// which t.TempDir does not.
func ShortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "px")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Listener is a listening socket of the test's own.
type Listener struct {
	net.Listener
	Address
}

// Listen opens a listening socket on a new address.
func Listen(t testing.TB, tr Transport, options SocketOptions) *Listener {
	t.Helper()
	return ListenOn(t, NewAddress(t, tr), options)
}

// ListenOn opens a listening socket on an address. It skips the test where the
// machine has no IPv6.
func ListenOn(t testing.TB, a Address, options SocketOptions) *Listener {
	t.Helper()
	if a.Transport == VSOCK {
		return listenVSOCK(t, a)
	}
	config := net.ListenConfig{Control: options.control}
	// As systemd's sockets are, unless their units ask for more: Go would take MPTCP,
	// which knows no TCP_FASTOPEN before Linux 6.2.
	config.SetMultipathTCP(false)
	l, err := config.Listen(context.Background(), a.Network, a.Text)
	if err != nil {
		if a.Transport == TCP6 {
			t.Skipf("no IPv6 loopback: %v", err)
		}
		t.Fatal(err)
	}
	a.Text = l.Addr().String()
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // the proxy's copy lives on
	}
	t.Cleanup(func() { l.Close() })
	return &Listener{l, a}
}

// ListenNarrow opens a listening socket on an address whose queue has room for backlog+1
// connections, which package net does not offer: on a UNIX path, or a port of IPv4.
func ListenNarrow(t testing.TB, a Address, backlog int) *Listener {
	t.Helper()
	family, name := unix.AF_UNIX, unix.Sockaddr(&unix.SockaddrUnix{Name: a.Text})
	if a.Transport == TCP4 {
		family, name = unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), a.Text)
	defer file.Close()
	if err := errors.Join(unix.Bind(fd, name), unix.Listen(fd, backlog)); err != nil {
		t.Fatal(err)
	}
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	a.Text = l.Addr().String()
	t.Cleanup(func() { l.Close() })
	return &Listener{l, a}
}

// Unused returns an address on which nothing listens: connecting is refused, or
// there is no such file or name.
func Unused(t testing.TB, tr Transport) Address {
	t.Helper()
	switch {
	case tr == VSOCK:
		return unusedVSOCK(t)
	case !tr.IsTCP():
		return NewAddress(t, tr)
	}
	// A bound socket that does not listen keeps its port from everybody else.
	family, address := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if tr == TCP6 {
		family, address = unix.AF_INET6, &unix.SockaddrInet6{Addr: [16]byte{15: 1}}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("%s: %v", tr, err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	// So that the test itself may listen there later.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, address); err != nil {
		t.Skipf("%s: %v", tr, err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return Address{tr, "tcp4", fmt.Sprintf("127.0.0.1:%d", name.Port)}
	case *unix.SockaddrInet6:
		return Address{tr, "tcp6", fmt.Sprintf("[::1]:%d", name.Port)}
	}
	t.Fatalf("getsockname: %T", name)
	return Address{}
}
