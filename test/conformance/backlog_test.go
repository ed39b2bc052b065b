package conformance

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/harness"
)

// listenWithBacklog listens on a UNIX path with a queue of its own length, which
// package net does not offer.
func listenWithBacklog(t *testing.T, path string, backlog int) *harness.Listener {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
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
	return &harness.Listener{Listener: l, Address: harness.Address{Transport: harness.Unix, Network: "unix", Text: path}}
}
