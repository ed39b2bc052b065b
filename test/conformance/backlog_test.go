package conformance

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// deafTarget is a target that accepts nobody and whose queue is full, so that a connect to
// it comes to no end: TCP's is not answered, and for that of a UNIX socket there is no room.
func deafTarget(t *testing.T, tr harness.Transport) *harness.Listener {
	t.Helper()
	l := harness.ListenNarrow(t, harness.NewAddress(t, tr), 0)
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
