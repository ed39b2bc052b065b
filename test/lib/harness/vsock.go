package harness

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/figures"
)

// VSOCK sockets as package net has those of other families, over the loopback of
// VSOCK, which is the CID VMADDR_CID_LOCAL. Package net itself does not know them.

const networkVSOCK = "vsock"

// vsockAddr is a socket's name, which prints as in ListenStream=.
type vsockAddr struct{ unix.SockaddrVM }

func (a *vsockAddr) Network() string { return networkVSOCK }
func (a *vsockAddr) String() string {
	if a.CID == unix.VMADDR_CID_ANY {
		return fmt.Sprintf("vsock::%d", a.Port)
	}
	return fmt.Sprintf("vsock:%d:%d", a.CID, a.Port)
}

func vsockAddress(name *unix.SockaddrVM) Address {
	return Address{VSOCK, networkVSOCK, (&vsockAddr{*name}).String()}
}

// newVSOCKAddress has the kernel pick a port, as port 0 does with TCP.
func newVSOCKAddress() Address {
	return vsockAddress(&unix.SockaddrVM{CID: unix.VMADDR_CID_LOCAL, Port: unix.VMADDR_PORT_ANY})
}

// VSOCKPort is the port of a VSOCK address.
func (a Address) VSOCKPort() string { return a.Text[strings.LastIndexByte(a.Text, ':')+1:] }

func parseVSOCK(text string) (*unix.SockaddrVM, error) {
	name := &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY}
	if n, _ := fmt.Sscanf(text, "vsock:%d:%d", &name.CID, &name.Port); n == 2 {
		return name, nil
	}
	_, err := fmt.Sscanf(text, "vsock::%d", &name.Port)
	return name, err
}

// loopback finds out once, by connecting, why there is no loopback of VSOCK.
var loopback = sync.OnceValue(func() error {
	listener, err := openVSOCK(newVSOCKAddress())
	if err != nil {
		return err
	}
	defer listener.Close()
	c, err := dialVSOCK(vsockAddress(&listener.Addr().(*vsockAddr).SockaddrVM))
	if err != nil {
		return err
	}
	return c.Close()
})

// NeedVSOCK skips the test where the machine has no loopback of VSOCK.
func NeedVSOCK(t testing.TB) {
	t.Helper()
	if err := loopback(); err != nil {
		t.Skipf("no loopback of VSOCK (module vsock_loopback): %v", err)
	}
}

// vsockConn is a connected socket. Its file is in the Go runtime's epoll set, so
// deadlines work and nothing blocks a thread.
type vsockConn struct {
	*os.File
	local, remote *vsockAddr
}

func newVSOCKConn(file *os.File) *vsockConn {
	c := &vsockConn{File: file, local: &vsockAddr{}, remote: &vsockAddr{}}
	raw, err := file.SyscallConn()
	if err != nil {
		return c
	}
	_ = raw.Control(func(fd uintptr) {
		// A peer that is gone has no name any more.
		if name, err := unix.Getsockname(int(fd)); err == nil {
			c.local = &vsockAddr{*name.(*unix.SockaddrVM)}
		}
		if name, err := unix.Getpeername(int(fd)); err == nil {
			c.remote = &vsockAddr{*name.(*unix.SockaddrVM)}
		}
	})
	return c
}

var _ syscall.Conn = (*vsockConn)(nil)

func (c *vsockConn) LocalAddr() net.Addr  { return c.local }
func (c *vsockConn) RemoteAddr() net.Addr { return c.remote }

// CloseWrite ends the stream, as net.TCPConn's does.
func (c *vsockConn) CloseWrite() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	return errors.Join(raw.Control(func(fd uintptr) { failed = unix.Shutdown(int(fd), unix.SHUT_WR) }), failed)
}

// dialVSOCK connects, without blocking: a signal, of which the Go runtime sends some,
// would make a connect that waits give up. The kernel does so after two seconds.
func dialVSOCK(a Address) (net.Conn, error) {
	name, err := parseVSOCK(a.Text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Text, err)
	}
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = unix.Connect(fd, name)
	file := os.NewFile(uintptr(fd), networkVSOCK)
	if err == unix.EINPROGRESS {
		err = awaitConnected(file)
	}
	if err != nil {
		file.Close()
		return nil, os.NewSyscallError("connect to "+a.Text, err)
	}
	figures.Count("connections", 1)
	return newVSOCKConn(file), nil
}

func awaitConnected(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		if _, err := unix.Getpeername(int(fd)); err == nil {
			return true
		}
		errno, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if failed = err; err == nil && errno != 0 {
			failed = unix.Errno(errno)
		}
		return failed != nil
	})
	return errors.Join(err, failed)
}

// vsockListener is a listening socket.
type vsockListener struct {
	file *os.File
	addr *vsockAddr
}

func openVSOCK(a Address) (l *vsockListener, err error) {
	name, err := parseVSOCK(a.Text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Text, err)
	}
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if err := unix.Bind(fd, name); err != nil {
		return nil, os.NewSyscallError("bind to "+a.Text, err)
	}
	if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	return &vsockListener{os.NewFile(uintptr(fd), networkVSOCK), &vsockAddr{*bound.(*unix.SockaddrVM)}}, nil
}

// Accept waits for a connection. Where none is there, the kernel looks for a pending
// signal before it says EAGAIN (vsock_accept), and the Go runtime sends itself many.
func (l *vsockListener) Accept() (net.Conn, error) {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var failed error
	err = raw.Read(func(listener uintptr) bool {
		for failed = unix.EINTR; failed == unix.EINTR; {
			fd, _, failed = unix.Accept4(int(listener), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		}
		return failed != unix.EAGAIN
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", net.ErrClosed, err) // the only reason without a deadline
	}
	if failed != nil {
		return nil, os.NewSyscallError("accept4", failed)
	}
	return newVSOCKConn(os.NewFile(uintptr(fd), networkVSOCK)), nil
}

func (l *vsockListener) Close() error   { return l.file.Close() }
func (l *vsockListener) Addr() net.Addr { return l.addr }

// File is a copy for another process.
func (l *vsockListener) File() (*os.File, error) {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var failed error
	err = raw.Control(func(listener uintptr) { fd, failed = unix.FcntlInt(listener, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(err, failed); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), networkVSOCK), nil
}

// listenVSOCK is ListenOn for VSOCK. It skips the test where there is no loopback.
func listenVSOCK(t testing.TB, a Address) *Listener {
	t.Helper()
	NeedVSOCK(t)
	l, err := openVSOCK(a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &Listener{l, vsockAddress(&l.addr.SockaddrVM)}
}

// unusedVSOCK returns a port that was the kernel's to give and is free again. It gives
// them in order, so that nobody gets this one soon.
func unusedVSOCK(t testing.TB) Address {
	t.Helper()
	NeedVSOCK(t)
	l, err := openVSOCK(newVSOCKAddress())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return vsockAddress(&l.addr.SockaddrVM)
}
