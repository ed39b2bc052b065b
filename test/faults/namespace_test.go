package faults

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// namespace is a network of the test's own, with nothing but a loopback interface. A
// program that is started in it reaches only what listens there, and is reached by
// listeners that it inherits from outside: as a service with PrivateNetwork= is.
type namespace struct {
	t  *testing.T
	fd int
}

func newNamespace(t *testing.T) *namespace {
	t.Helper()
	n := &namespace{t: t}
	n.enter(func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() {
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		n.fd = fd
		t.Cleanup(func() { unix.Close(fd) })
	})
	n.loopback(true)
	return n
}

// within calls f in the namespace.
func (n *namespace) within(f func()) {
	n.t.Helper()
	n.enter(func() error { return unix.Setns(n.fd, unix.CLONE_NEWNET) }, f)
}

// enter calls f on a thread that has gone elsewhere, and comes back. If f ends the
// test, the thread ends with its goroutine.
func (n *namespace) enter(move func() error, f func()) {
	n.t.Helper()
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	defer unix.Close(home)
	if err := move(); err != nil {
		n.t.Skipf("no network namespace: %v", err)
	}
	f()
	if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
		n.t.Fatal(err)
	}
	runtime.UnlockOSThread()
}

// loopback takes the namespace's only interface up or down (netdevice(7)).
func (n *namespace) loopback(up bool) {
	n.t.Helper()
	n.within(func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			n.t.Fatal(err)
		}
		defer unix.Close(fd)
		request, err := unix.NewIfreq("lo")
		if err != nil {
			n.t.Fatal(err)
		}
		if up {
			request.SetUint16(unix.IFF_UP)
		}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(request))); errno != 0 {
			n.t.Fatal(errno)
		}
	})
}

// listen opens a listener in the namespace.
func (n *namespace) listen() (l *harness.Listener) {
	n.t.Helper()
	n.within(func() { l = harness.Listen(n.t, harness.TCP4, harness.SocketOptions{}) })
	return l
}

// run runs a command in the namespace.
func (n *namespace) run(input string, name string, args ...string) {
	n.t.Helper()
	n.within(func() {
		cmd := exec.Command(name, args...)
		cmd.Stdin = strings.NewReader(input)
		if out, err := cmd.CombinedOutput(); err != nil {
			n.t.Skipf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
		}
	})
}

// ephemeral sets which ports connects get there.
func (n *namespace) ephemeral(first, last int) {
	n.t.Helper()
	n.within(func() {
		if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", fmt.Appendf(nil, "%d %d", first, last), 0); err != nil {
			n.t.Fatal(err)
		}
	})
}

// portOf is a TCP address's.
func portOf(a net.Addr) int { return a.(*net.TCPAddr).Port }
