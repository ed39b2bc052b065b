package conformance

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// Targets on UNIX sockets whose backlog is full: the kernel refuses to connect to them, and
// does not say when there is room.
var fullBacklogCases = []Case{
	{
		Name:   "full-backlog/of-another",
		Shows:  "clients waiting for a target that hangs do not delay those of another target whose backlog is full for a moment",
		Except: notOriginal("it fails at once"),
		Run:    overCrews(fullBacklogOfAnother),
	},
	{
		Name:   "full-backlog/in-order",
		Shows:  "clients waiting for room in a backlog are served in the order in which they came, each as soon as there is room",
		Except: notOriginal("it fails at once"),
		Run:    fullBacklogInOrder,
	},
	{
		Name:   "full-backlog/crowd",
		Shows:  "3,000 clients waiting for a target that hangs cost next to no processor time, hold nobody up, and delay neither the watchdog nor the handling of SIGTERM",
		Except: notOriginal("it fails at once"),
		Alone:  true,
		Run:    fullBacklogCrowd,
	},
	{
		Name:   "full-backlog/given-up",
		Shows:  "when the backlog has been full for 15 s, the client is closed, with a line that says why",
		Except: notOriginal("it fails at once"),
		Run:    fullBacklogGivenUp,
	},
}

func fullBacklogOfAnother(t *testing.T, p *harness.Program, workers string) {
	const waits = 45
	hung, well := deafTarget(t, harness.Unix), harness.ListenNarrow(t, harness.NewAddress(t, harness.Unix), 1)
	waiting := harness.Listen(t, harness.Unix, harness.SocketOptions{})
	other := harness.Listen(t, harness.Unix, harness.SocketOptions{})
	process := harness.Start(t, p, harness.Options{
		Listeners: []*harness.Listener{waiting, other},
		Args:      []string{workers, "--map=first=" + hung.Target(), "--map=second=" + well.Target()},
		Env:       []string{"LISTEN_FDNAMES=first:second", "SYSTEMD_LOG_LEVEL=debug"},
	})
	process.AwaitLine("^forwarding: ")
	before := process.Descriptors()
	for range waits { // more than the rings have threads
		harness.Dial(t, waiting.Address)
	}
	harness.Until(t, "the clients to wait", func() bool { return process.Descriptors() == before+2*waits })
	harness.Settled(t, "the number of threads", func() int64 { return threads(t, process) }, 3*settle)
	filled := fillQueue(t, well)
	late := harness.Dial(t, other.Address)
	late.SendText("hello")
	harness.Until(t, "another client to wait", func() bool { return process.Descriptors() == before+2*(waits+1) })
	for range filled {
		harness.AcceptOne(t, well)
	}
	far := harness.AcceptOne(t, well)
	far.ExpectText("hello")
	far.SendText("hello to you")
	late.ExpectText("hello to you")
}

// threads is how many a program has, those that its rings wait with included.
func threads(t *testing.T, process *harness.Process) int64 {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", process.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return int64(len(tasks))
}

func fullBacklogInOrder(t *testing.T, p *harness.Program) {
	const clients = 8
	target := harness.ListenNarrow(t, harness.NewAddress(t, harness.Unix), 1)
	filled := fillQueue(t, target)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
	proxy.AwaitLine("^forwarding: ")
	before := proxy.Descriptors()
	for i := range clients {
		client := proxy.Dial(t)
		client.SendText(fmt.Sprint(i))
		harness.Until(t, "the client to wait", func() bool { return proxy.Descriptors() == before+2*(i+1) })
	}
	for range filled {
		harness.AcceptOne(t, target)
	}
	for i := range clients {
		harness.AcceptOne(t, target).ExpectText(fmt.Sprint(i))
	}
}

// fullBacklogCrowd lets clients come in a crowd, by descriptors alone: Go's runtime would
// look after each of them.
func fullBacklogCrowd(t *testing.T, p *harness.Program) {
	const clients, beats, mostTicks = 3000, 6, 25
	p = p.Plain()
	hung := harness.ListenNarrow(t, harness.NewAddress(t, harness.Unix), 1)
	needDescriptors(t, 3*clients)
	proxy, notify := startWatched(t, p, fmt.Sprintf("-c%d", 2*clients), hung.Target())
	first := proxy.Dial(t)
	first.SendText(">")
	far := harness.AcceptOne(t, hung)
	far.ExpectText(">")
	fillQueue(t, hung)
	before := proxy.Descriptors()
	for range clients {
		connectRaw(t, proxy.Address)
	}
	harness.Until(t, "all clients to wait", func() bool { return proxy.Descriptors() >= before+2*clients })
	used, began := proxy.CPUTicks(), time.Now()
	notify.Pending()
	for range beats {
		notify.Await(t, "WATCHDOG=1")
		for range 20 {
			first.SendText("are you there?")
			far.ExpectText("are you there?")
			far.SendText("yes")
			first.ExpectText("yes")
		}
	}
	// What the echoes and a hundred tries a second cost is a tick or two.
	ticks := proxy.CPUTicks() - used
	t.Logf("%d ms of processor time in %v", 10*ticks, time.Since(began))
	if ticks > mostTicks {
		t.Errorf("%d ms of processor time, want %d at most", 10*ticks, 10*mostTicks)
	}
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "")
	first.ExpectReset()
}

// needDescriptors skips the test where this process, and so the program, may not have n.
func needDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < n {
		t.Skipf("RLIMIT_NOFILE is %d, and this takes %d descriptors", limit.Max, n)
	}
}

// connectRaw connects to a listener, and leaves that at a descriptor.
func connectRaw(t *testing.T, a harness.Address) (fd int) {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp4", a.Text)
	if err != nil {
		t.Fatal(err)
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	for {
		err := unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: address.Port})
		if err == nil || err == unix.EISCONN {
			return fd
		}
		if err != unix.EINTR && err != unix.EALREADY {
			t.Fatal(err)
		}
	}
}

func fullBacklogGivenUp(t *testing.T, p *harness.Program) {
	const bound = 15 * time.Second // connection.BacklogTime
	target := deafTarget(t, harness.Unix)
	eachCrew(t, func(t *testing.T, workers string) {
		proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), workers)
		began := time.Now()
		for range 3 {
			proxy.Dial(t).SendText("a request")
		}
		last := proxy.Dial(t)
		last.ExpectGone()
		if after := time.Since(began); after < bound {
			t.Errorf("given up after %v already", after)
		}
		proxy.AwaitLine(`cannot reach the target.*backlog has been full`)
	})
}
