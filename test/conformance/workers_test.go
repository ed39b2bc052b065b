package conformance

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

var workerCases = []Case{
	{
		Name:   "workers/spread",
		Shows:  "1,000 connections are spread evenly over 4 workers, and their descriptors all come back",
		Except: notOriginal("no --workers="),
		Alone:  true,
		Run:    workersSpread,
	},
	{
		Name:   "workers/traffic",
		Shows:  "32 connections with 4 MiB each way at the same time arrive intact through 4 workers",
		Except: notOriginal("no --workers="),
		Run:    workersTraffic,
	},
	{
		Name:   "workers/limit",
		Shows:  "--connections-max=N lets exactly N in under a flood of clients that 4 workers accept, and never shows the target more",
		Except: notOriginal("no --workers="),
		Run:    workersLimit,
	},
	{
		Name:   "workers/idle-exit",
		Shows:  "4 workers end when idle without cutting off a client that comes at that moment: it is served, by this program or the one started next",
		Except: notOriginal("no --workers="),
		Run:    workersIdleExit,
	},
	{
		Name:   "workers/connections-reset",
		Shows:  "SIGTERM ends 4 workers at once, with status 0, and resets their connections",
		Except: notOriginal("no --workers="),
		Run:    workersReset,
	},
	{
		Name:   "workers/stopped-in-a-flood",
		Shows:  "SIGTERM ends 4 workers while clients come as fast as they can",
		Except: notOriginal("no --workers="),
		Run:    workersStopped,
	},
	{
		Name:   "workers/watchdog",
		Shows:  "WATCHDOG=1 is sent with 4 workers too, idle and under load",
		Except: notOriginal("no --workers="),
		Run:    workersWatchdog,
	},
}

const fourWorkers = "--workers=4"

// served matches the log's word on each worker.
var served = regexp.MustCompile(`^worker ended: worker=(\d+) served=(\d+)$`)

// servedBy reads the log of a program that has ended: the connections of each of
// its workers.
func servedBy(t *testing.T, process *harness.Process) (counts []int) {
	t.Helper()
	for _, line := range process.Lines() {
		if match := served.FindStringSubmatch(line); match != nil {
			if match[1] != strconv.Itoa(len(counts)) {
				t.Errorf("%q comes after %d workers", line, len(counts))
			}
			n, _ := strconv.Atoi(match[2])
			counts = append(counts, n)
		}
	}
	return counts
}

func workersSpread(t *testing.T, p *harness.Program) {
	const connections = 1000
	reached := make(chan struct{}, connections)
	target := harness.Serve(t, harness.Unix, func(c *harness.Conn) {
		reached <- struct{}{}
		harness.Echo(c)
	})
	proxy := harness.StartProxyWith(t, p, harness.Unix, harness.Options{
		Args: []string{fourWorkers, "-c2000", target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	proxy.AwaitLine("forwarding")
	before := harness.Settled(t, "the number of descriptors", func() int64 { return int64(proxy.Descriptors()) }, settle)
	clients := dialMany(t, proxy.Address, connections)
	for range connections {
		select {
		case <-reached:
		case <-time.After(harness.Patience):
			t.Fatal("not all connections reach the target")
		}
	}
	if got := int64(proxy.Descriptors()) - before; got != 2*connections {
		t.Errorf("%d descriptors for %d connections", got, connections)
	}
	for _, c := range clients {
		c.Close()
	}
	harness.Until(t, "no descriptor to be left", func() bool { return int64(proxy.Descriptors()) == before })
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "")
	counts := servedBy(t, proxy.Process)
	if len(counts) != 4 {
		t.Fatalf("%d workers have ended; the log:\n%s", len(counts), proxy.Stderr())
	}
	for worker, n := range counts {
		if n != connections/4 {
			t.Errorf("worker %d has had %d connections of %d, want %d", worker, n, connections, connections/4)
		}
	}
}

func workersTraffic(t *testing.T, p *harness.Program) {
	const connections, size = 32, 4 << 20
	seed := harness.Seed(t)
	// The first byte tells the target which connection it is.
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		number := make([]byte, 1)
		if _, err := c.Read(number); err != nil {
			t.Error(err)
			return
		}
		if err := patternExchange(c, seed, size, uint64(number[0])+1000, uint64(number[0])); err != nil {
			t.Errorf("target of connection %d: %v", number[0], err)
		}
	})
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), fourWorkers)
	var clients sync.WaitGroup
	for i := range connections {
		c := proxy.Dial(t)
		clients.Go(func() {
			c.Send([]byte{byte(i)})
			if err := patternExchange(c, seed, size, uint64(i), uint64(i)+1000); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	clients.Wait()
	target.Wait()
}

// dialMany opens connections, many at a time, so that several workers accept.
func dialMany(t *testing.T, a harness.Address, n int) (clients []net.Conn) {
	t.Helper()
	const atATime = 20
	dialed := make(chan net.Conn, n)
	var dialing sync.WaitGroup
	for i := range atATime {
		dialing.Go(func() {
			for range (n + i) / atATime {
				c, err := harness.TryDial(a, harness.SocketOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				c.SetDeadline(time.Now().Add(harness.Patience))
				dialed <- c
			}
		})
	}
	dialing.Wait()
	close(dialed)
	for c := range dialed {
		t.Cleanup(func() { c.Close() })
		clients = append(clients, c)
	}
	return clients
}

// countingTarget tells each connection that it has been accepted, and counts those
// that it has at a time: those whose other end the proxy has not closed. It looks
// at them itself, one by one, so that what it has not looked at yet does not count.
type countingTarget struct {
	listener *harness.Listener
	most     atomic.Int64
	accepted atomic.Int64
}

func (c *countingTarget) run() {
	open := make(map[net.Conn]struct{})
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		for other := range open {
			if hungUp(other) {
				other.Close()
				delete(open, other)
			}
		}
		open[conn] = struct{}{}
		c.most.Store(max(c.most.Load(), int64(len(open))))
		c.accepted.Add(1)
		_, _ = conn.Write([]byte("!"))
	}
}

// hungUp reports whether the other end of a connection is closed.
func hungUp(c net.Conn) (gone bool) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return true
	}
	err = raw.Control(func(fd uintptr) {
		look := []unix.PollFd{{Fd: int32(fd)}}
		_, _ = unix.Poll(look, 0)
		gone = look[0].Revents&unix.POLLHUP != 0
	})
	return gone || err != nil
}

// isLetIn waits until a client learns whether it has got in.
func isLetIn(c net.Conn) bool {
	n, _ := c.Read(make([]byte, 1))
	return n == 1
}

// workersLimit has clients come and go, by resets, which make the proxy close both
// sides at once, faster than they are let in.
func workersLimit(t *testing.T, p *harness.Program) {
	const most = 10
	target := &countingTarget{listener: harness.Listen(t, harness.Unix, harness.SocketOptions{})}
	go target.run()
	proxy := harness.StartProxy(t, p, harness.TCP4, target.listener.Target(), fourWorkers, fmt.Sprintf("-c%d", most))
	var in, refused atomic.Int64
	var clients sync.WaitGroup
	end := time.Now().Add(time.Second)
	for range 30 {
		clients.Go(func() {
			for time.Now().Before(end) {
				c, err := harness.TryDial(proxy.Address, harness.SocketOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				c.SetDeadline(time.Now().Add(harness.Patience))
				if isLetIn(c) {
					in.Add(1)
				} else {
					refused.Add(1)
				}
				_ = c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
		})
	}
	clients.Wait()
	t.Logf("%d clients let in, %d refused, the target had at most %d at a time", in.Load(), refused.Load(), target.most.Load())
	if got := target.most.Load(); got > most || in.Load() == 0 || refused.Load() == 0 {
		t.Errorf("the target had %d connections at a time, want at most %d", got, most)
	}
	// When nobody leaves, exactly that many get in. The first that does tells
	// that the others have left.
	first := proxy.Dial(t).Conn
	harness.Until(t, "a place to be free", func() bool {
		if isLetIn(first) {
			return true
		}
		first = proxy.Dial(t).Conn
		return false
	})
	time.Sleep(settle)
	got := 1
	for _, c := range dialMany(t, proxy.Address, 100) {
		if isLetIn(c) {
			got++
		}
	}
	if got != most {
		t.Errorf("%d of 101 clients got in, want %d", got, most)
	}
}

// workersIdleExit lets a program end again and again in a stream of clients with
// gaps as long as its idle time, and starts another one on the same socket each
// time, as a service manager would.
func workersIdleExit(t *testing.T, p *harness.Program) {
	const exits = 8
	target := harness.Serve(t, harness.Unix, harness.Echo)
	l := harness.Listen(t, harness.Unix, harness.SocketOptions{})
	socket, err := l.Listener.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	over := make(chan struct{})
	var clients sync.WaitGroup
	defer clients.Wait()
	defer close(over)
	for i := range 4 {
		clients.Go(func() {
			for n := i; ; n++ {
				select {
				case <-over:
					return
				case <-time.After(time.Duration(n*7%11) * time.Millisecond):
				}
				if err := echoed(l.Address); err != nil {
					t.Errorf("a client was cut off: %v", err)
				}
			}
		})
	}
	for range exits {
		again, err := net.FileListener(socket)
		if err != nil {
			t.Fatal(err)
		}
		process := harness.Start(t, p, harness.Options{
			Args:      []string{fourWorkers, "--exit-idle-time=2ms", target.Target()},
			Listeners: []*harness.Listener{{Listener: again, Address: l.Address}},
		})
		if status := process.AwaitExit(); status != "exit status 0" {
			t.Fatalf("ended with %s; it wrote:\n%s", status, process.Stderr())
		}
	}
	// One more, for those that still wait.
	again, err := net.FileListener(socket)
	if err != nil {
		t.Fatal(err)
	}
	last := harness.Start(t, p, harness.Options{
		Args:      []string{target.Target()},
		Listeners: []*harness.Listener{{Listener: again, Address: l.Address}},
		Env:       []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	last.AwaitLine("forwarding")
}

// echoed makes one connection that must be served, from its beginning to its end.
func echoed(a harness.Address) error {
	c, err := harness.TryDial(a, harness.SocketOptions{})
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(harness.Patience))
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(c)
	if err == nil && string(got) != "hello" {
		err = fmt.Errorf("received %q", got)
	}
	return err
}

func workersReset(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), fourWorkers)
	var ends []*harness.Conn
	for range 16 {
		client, far := join(t, proxy, accepted)
		ends = append(ends, client, far)
	}
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "")
	for _, end := range ends {
		end.ExpectReset()
	}
	refusesNow(t, proxy.Address)
}

func workersStopped(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.Unix, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.Unix, target.Target(), fourWorkers, "-c100000")
	var served atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				c, err := harness.TryDial(proxy.Address, harness.SocketOptions{})
				if err != nil {
					return // it has ended
				}
				c.SetDeadline(time.Now().Add(harness.Patience))
				_, _ = c.Write([]byte("x"))
				if served.Add(1)%2 == 0 {
					_, _ = c.Read(make([]byte, 1))
				}
				c.Close()
			}
		})
	}
	harness.Until(t, "some clients to be served", func() bool { return served.Load() > 200 })
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "")
	clients.Wait()
	if lines := proxy.Lines(); len(lines) > 0 {
		t.Errorf("it wrote:\n%s", proxy.Stderr())
	}
}

func workersWatchdog(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy, notify := startWatched(t, p, fourWorkers, target.Target())
	for range 6 {
		notify.Await(t, "WATCHDOG=1")
	}
	watchedUnderLoad(t, proxy, notify)
}
