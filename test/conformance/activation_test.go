package conformance

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

var activationCases = []Case{
	{
		Name:  "activation/several-listeners",
		Shows: "all inherited listeners are served, whatever their families",
		Run:   severalListeners,
	},
	{
		Name:  "activation/of-another",
		Shows: "sockets meant for another process ($LISTEN_PID) are not taken: no sockets, exit status 1",
		Run:   listenPIDOfAnother,
	},
	{
		Name:  "activation/unfit-descriptor",
		Shows: "a descriptor that is not a listening stream socket is refused with one line and exit status 1",
		Run:   overEach(unfits, func(u unfit) string { return u.name }, unfitDescriptor),
	},
	{
		Name:  "activation/clients-before-start",
		Shows: "clients that connected before the program started are served",
		Run:   clientsBeforeStart,
	},
	{
		Name:   "activation/small-send-buffer",
		Shows:  "through a listener with a small SendBuffer= a stream does not wait for delayed acknowledgements, though the loopback interface's segments are as large as the buffer",
		Except: notOriginal("it waits for one at every second segment or so"),
		Run:    smallSendBuffer,
	},
}

func severalListeners(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	var listeners []*harness.Listener
	for _, tr := range []harness.Transport{harness.TCP4, harness.Unix, harness.Abstract} {
		listeners = append(listeners, harness.Listen(t, tr, harness.SocketOptions{}))
	}
	process := harness.Start(t, p, harness.Options{Listeners: listeners, Args: []string{target.Target()}})
	for range 2 {
		for _, l := range listeners {
			echoOnce(t, &harness.Proxy{Process: process, Address: l.Address})
		}
	}
}

func listenPIDOfAnother(t *testing.T, p *harness.Program) {
	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	process := harness.Start(t, p, harness.Options{
		Listeners: []*harness.Listener{l}, ListenPID: "1", Args: []string{"127.0.0.1:9"}, MayFail: true,
	})
	if p.IsOurs() {
		wantRefusal(t, process, "sockets passed in", "$LISTEN_PID names 1;", "exec")
	} else {
		wantRefusal(t, process, "sockets passed in")
	}
}

// wantRefusal checks that a program ended with status 1 after one line that has
// all of parts, whatever their case.
func wantRefusal(t *testing.T, process *harness.Process, parts ...string) {
	t.Helper()
	if status := process.AwaitExit(); status != "exit status 1" {
		t.Errorf("ended with %s, want exit status 1", status)
	}
	lines := process.Lines()
	if len(lines) != 1 {
		t.Errorf("wrote %d lines, want 1:\n%s", len(lines), strings.Join(lines, "\n"))
		return
	}
	for _, part := range parts {
		if !strings.Contains(strings.ToLower(lines[0]), strings.ToLower(part)) {
			t.Errorf("%q does not name %q", lines[0], part)
		}
	}
}

// unfit is a descriptor that a careless unit may pass.
type unfit struct {
	name string
	open func() (int, error)
	says string // of our program
}

var unfits = []unfit{
	{"datagram socket", func() (int, error) { return unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) }, "datagram"},
	{"socket that does not listen", func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0) }, "does not listen"},
	{"sequential packets", func() (int, error) { return unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0) }, "sequential packet"},
	{"no socket", func() (int, error) { return unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0) }, "character device"},
}

func unfitDescriptor(t *testing.T, p *harness.Program, u unfit) {
	fd, err := u.open()
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), u.name)
	defer file.Close()
	process := harness.Start(t, p, harness.Options{Files: []*os.File{file}, Args: []string{"127.0.0.1:9"}, MayFail: true})
	if p.IsOurs() {
		wantRefusal(t, process, "descriptor 3", "test.socket", u.says)
	} else {
		wantRefusal(t, process)
	}
}

func clientsBeforeStart(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	var early []*harness.Conn
	for range 5 {
		c := harness.Dial(t, l.Address)
		c.SendText("early")
		early = append(early, c)
	}
	harness.Start(t, p, harness.Options{Listeners: []*harness.Listener{l}, Args: []string{target.Target()}})
	for _, c := range early {
		c.ExpectText("early")
	}
}

// smallSendBuffer downloads, and has the kernel count how often a receiver's time to
// acknowledge ran out. With segments as large as the buffer that is about 90 times.
func smallSendBuffer(t *testing.T, p *harness.Program) {
	const size, most = 8 << 20, 30
	needBufferLock(t)
	n := network.New(t, "alone")
	seed := harness.Seed(t)
	target := serve(t, n, harness.NewAddress(t, harness.TCP4), func(c *harness.Conn) {
		if err := harness.NewPattern(seed, 0).SendTo(c.Conn, size, nil); err != nil {
			t.Error(err)
		}
	})
	n.Do(t, func() {
		l := harness.Listen(t, harness.TCP4, harness.SocketOptions{SendBuffer: 16 << 10, ReceiveBuffer: 16 << 10})
		harness.Start(t, p, harness.Options{Listeners: []*harness.Listener{l}, Args: []string{target.Target()}})
		if err := harness.NewPattern(seed, 0).Check(harness.Dial(t, l.Address).Conn, size); err != nil {
			t.Error(err)
		}
	})
	if late := n.Count(t, "DelayedACKs"); late > most {
		t.Errorf("%d acknowledgements were late, want %d at most", late, most)
	} else {
		t.Logf("%d acknowledgements were late", late)
	}
}

// needBufferLock skips where the kernel does not tell whether a buffer's size was set,
// as Linux does from 5.14 on.
func needBufferLock(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BUF_LOCK); err != nil {
		t.Skipf("this kernel has no SO_BUF_LOCK: %v", err)
	}
}
