package activation

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mustListen opens a listener that is closed with the test.
func mustListen(t *testing.T, spec string) *Listener {
	t.Helper()
	l, err := Listen(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// reaches fails the test unless a client gets through to l.
func reaches(t *testing.T, l *Listener, network, address string) {
	t.Helper()
	client, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	poll := []unix.PollFd{{Fd: int32(l.FD), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 5000); n != 1 || err != nil {
		t.Fatalf("no connection arrived: %d, %v", n, err)
	}
	fd, _, err := unix.Accept4(l.FD, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(fd)
}

func portOf(t *testing.T, l *Listener) string {
	t.Helper()
	address, err := netip.ParseAddrPort(l.Address)
	if err != nil || address.Port() == 0 {
		t.Fatalf("address %q: %v", l.Address, err)
	}
	return strconv.Itoa(int(address.Port()))
}

func TestListenForms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	abstract := "@activation-test-" + strconv.Itoa(os.Getpid())
	for _, test := range []struct {
		spec, network string
		family        int
		address       string // up to the picked port
	}{
		{"127.0.0.1:0", "tcp4", unix.AF_INET, "127.0.0.1:"},
		{"0.0.0.0:0", "tcp4", unix.AF_INET, "0.0.0.0:"},
		{"[::1]:0", "tcp6", unix.AF_INET6, "[::1]:"},
		{"[::]:0", "tcp6", unix.AF_INET6, "[::]:"},
		{path, "unix", unix.AF_UNIX, path},
		{abstract, "unix", unix.AF_UNIX, abstract},
	} {
		t.Run(test.spec, func(t *testing.T) {
			l := mustListen(t, test.spec)
			if l.Family != test.family || l.Name != "listen" || !strings.HasPrefix(l.Address, test.address) {
				t.Errorf("got %+v", l)
			}
			r := examine(l, l.FD)
			if l.FD < 3 || !r.NonBlocking || !r.CloseOnExec || r.Polled {
				t.Errorf("not as an engine needs it: %+v", r)
			}
			reaches(t, l, test.network, l.Address)
		})
	}
}

func TestListenPortAloneServesBothFamilies(t *testing.T) {
	if only, err := os.ReadFile("/proc/sys/net/ipv6/bindv6only"); err != nil || string(only) != "0\n" {
		t.Skipf("bindv6only: %q, %v", only, err)
	}
	l := mustListen(t, "0")
	port := portOf(t, l)
	if l.Address != "[::]:"+port {
		t.Errorf("address %q", l.Address)
	}
	reaches(t, l, "tcp4", "127.0.0.1:"+port)
	reaches(t, l, "tcp6", "[::1]:"+port)
}

func TestListenLinkLocal(t *testing.T) {
	address, zone := linkLocal(t)
	for _, spec := range []string{"[" + address + "]:0%" + zone, "[" + address + "%" + zone + "]:0"} {
		l := mustListen(t, spec)
		if !strings.HasPrefix(l.Address, "["+address+"%"+zone+"]:") {
			t.Errorf("--listen=%s listens on %s", spec, l.Address)
		}
		reaches(t, l, "tcp6", l.Address)
	}
	if _, err := Listen("[" + address + "]:0"); err == nil || !strings.Contains(err.Error(), "needs its interface") {
		t.Errorf("without an interface: %v", err)
	}
}

func linkLocal(t *testing.T) (address, zone string) {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		addresses, _ := i.Addrs()
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() == nil && n.IP.IsLinkLocalUnicast() {
				return n.IP.String(), i.Name
			}
		}
	}
	t.Skip("no interface with a link-local IPv6 address")
	return "", ""
}

// TestListenVSOCK needs no loopback, over which test/conformance reaches such listeners.
func TestListenVSOCK(t *testing.T) {
	l, err := Listen("vsock::0")
	if errors.Is(err, unix.EAFNOSUPPORT) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if l.Family != unix.AF_VSOCK || !strings.HasPrefix(l.Address, "vsock::") || l.Address == "vsock::0" || l.Address == "vsock::4294967295" {
		t.Errorf("got %+v", l)
	}
	wantInUse(t, l.Address, "address already in use; stop the process")
	if _, err := Listen("vsock:4242:0"); err == nil || !strings.Contains(err.Error(), "this machine has no such CID") {
		t.Errorf("a CID of another machine: %v", err)
	}
}

// SO_REUSEADDR: a connection that this side closed first stays in TIME_WAIT,
// and must not keep the next start from binding.
func TestListenAgainDuringTimeWait(t *testing.T) {
	first := mustListen(t, "127.0.0.1:0")
	reaches(t, first, "tcp4", first.Address)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	mustListen(t, first.Address)
}

func TestListenForeignAddress(t *testing.T) {
	_, err := Listen("192.0.2.1:80") // TEST-NET-1 of RFC 5737: nobody has it
	if err == nil || !strings.Contains(err.Error(), "no network interface has this address") {
		t.Errorf("got %v", err)
	}
}

func TestCloseIsIdempotent(t *testing.T) {
	l := mustListen(t, "127.0.0.1:0")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// The number is free now. A second close must not hit its next owner.
	next, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(next) }()
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := unix.FcntlInt(uintptr(next), unix.F_GETFD, 0); err != nil {
		t.Errorf("second Close closed a descriptor of somebody else: %v", err)
	}
}

// TestPathHasTheUmask guards a socket by the umask: who may connect is who may write
// to the file. The umask is the process's, so this runs alone.
func TestPathHasTheUmask(t *testing.T) {
	for umask, want := range map[int]os.FileMode{0o077: 0o700, 0o007: 0o770, 0o022: 0o755} {
		path := filepath.Join(t.TempDir(), "s")
		old := unix.Umask(umask)
		l, err := Listen(path)
		unix.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != want {
			t.Errorf("with the umask %03o: %v (%v), want %v", umask, stat.Mode().Perm(), err, want)
		}
	}
}
