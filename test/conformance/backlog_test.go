package conformance

import (
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// listenWithBacklog listens with a queue of its own length, which package net does not
// offer: on a UNIX path, or a port of TCP if that is empty.
func listenWithBacklog(t *testing.T, path string, backlog int) *harness.Listener {
	t.Helper()
	family, address := unix.AF_UNIX, unix.Sockaddr(&unix.SockaddrUnix{Name: path})
	if path == "" {
		family, address = unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	if err := unix.Bind(fd, address); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		t.Fatal(err)
	}
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if path == "" {
		return &harness.Listener{Listener: l, Address: harness.Address{Transport: harness.TCP4, Network: "tcp4", Text: l.Addr().String()}}
	}
	return &harness.Listener{Listener: l, Address: harness.Address{Transport: harness.Unix, Network: "unix", Text: path}}
}

// deafTarget is a target that accepts nobody and whose queue is full, so that a connect to
// it comes to no end: TCP's is not answered, and for that of a UNIX socket there is no room.
func deafTarget(t *testing.T, tr harness.Transport) *harness.Listener {
	t.Helper()
	var l *harness.Listener
	if tr.IsTCP() {
		l = listenWithBacklog(t, "", 0)
	} else {
		l = listenWithBacklog(t, harness.NewAddress(t, tr).Text, 0)
	}
	fillQueue(t, l)
	return l
}

// fillQueue connects to a listener until that has no room any more.
func fillQueue(t *testing.T, l *harness.Listener) (filled int) {
	t.Helper()
	for ; ; filled++ {
		fd, err := unix.Socket(familyOf(l), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		switch err := unix.Connect(fd, sockaddrOf(l)); {
		case errors.Is(err, unix.EAGAIN):
			return filled
		case errors.Is(err, unix.EINPROGRESS):
			// Over loopback it is connected by now, if it ever is.
			if _, err := unix.Getpeername(fd); err != nil {
				return filled
			}
		case err != nil:
			t.Fatal(err)
		}
	}
}

func familyOf(l *harness.Listener) int {
	if l.Transport.IsTCP() {
		return unix.AF_INET
	}
	return unix.AF_UNIX
}

func sockaddrOf(l *harness.Listener) unix.Sockaddr {
	if l.Transport.IsTCP() {
		return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: l.Addr().(*net.TCPAddr).Port}
	}
	return &unix.SockaddrUnix{Name: l.Text}
}
