package faults

import (
	"net"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// deafen makes a socket drop every packet that comes for it, without an answer, as a
// network in which it has vanished would. A listener that is deaf is a black hole.
func deafen(t testing.TB, socket any) {
	t.Helper()
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	program := unix.SockFprog{Len: 1, Filter: &nothing[0]}
	onDescriptor(t, socket, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
	})
}

// undeafen ends it: what the peer's kernel sends again then gets through.
func undeafen(t testing.TB, socket any) {
	t.Helper()
	onDescriptor(t, socket, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	})
}

func onDescriptor(t testing.TB, socket any, f func(fd int) error) {
	t.Helper()
	raw, err := socket.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		t.Fatal(err)
	}
	if failed != nil {
		t.Fatal(failed)
	}
}

// pausable is a listener whose owner takes no connections while it is held.
type pausable struct {
	net.Listener
	gate   chan struct{} // holds a token while connections are taken
	closed chan struct{}
	once   sync.Once
}

func pausing(l *harness.Listener) *pausable {
	p := &pausable{Listener: l.Listener, gate: make(chan struct{}, 1), closed: make(chan struct{})}
	p.resume()
	l.Listener = p
	return p
}

func (p *pausable) Accept() (net.Conn, error) {
	c, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case <-p.gate:
		p.resume()
		return c, nil
	case <-p.closed:
		c.Close()
		return nil, net.ErrClosed
	}
}

func (p *pausable) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.Listener.Close()
}

// hold stops taking connections, but for one that is accepted already.
func (p *pausable) hold() { <-p.gate }

// resume ends that.
func (p *pausable) resume() { p.gate <- struct{}{} }
