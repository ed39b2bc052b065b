package socket

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestNothingToUndo looks at new sockets: as a rule, no call is made for what is accepted.
func TestNothingToUndo(t *testing.T) {
	var s System
	for _, family := range []int{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_VSOCK} {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Logf("family %d: %v", family, err)
			continue
		}
		if found := s.Accepting(fd, family); found != 0 {
			t.Errorf("family %d: %#x", family, found)
		}
		inline, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE)
		if (inline == 1) != IsIP(family) {
			t.Errorf("family %d: SO_OOBINLINE is %d", family, inline)
		}
		unix.Close(fd)
	}
}

// TestUndo sets each of the options, and undoes them.
func TestUndo(t *testing.T) {
	var s System
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	set := map[int]error{ // by place in unexpected
		0: unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 5}),
		1: unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, 7),
		2: unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_CORK, 1),
		3: unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEEK_OFF, 3),
		4: unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20_000}),
		5: unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 3}),
	}
	var want Inherits
	for i, err := range set {
		if err == nil { // TCP has SO_PEEK_OFF from Linux 6.9 on
			want |= 1 << i
		}
	}
	if got := s.Inherited(fd); got != want {
		t.Errorf("found %#x, want %#x", got, want)
	}
	s.Undo(fd, want)
	if left := s.Inherited(fd); left != 0 {
		t.Errorf("%#x is left", left)
	}
}
