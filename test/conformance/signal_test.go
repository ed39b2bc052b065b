package conformance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var signalCases = []Case{
	{
		Name:   "signal/SIGTERM",
		Shows:  "SIGTERM ends the program with status 0",
		Except: original("it dies of the signal"),
		Run:    func(t *testing.T, p *harness.Program) { endsOnSignal(t, p, syscall.SIGTERM, "signal: terminated") },
	},
	{
		Name:   "signal/SIGINT",
		Shows:  "SIGINT ends the program with status 0",
		Except: original("it dies of the signal"),
		Run:    func(t *testing.T, p *harness.Program) { endsOnSignal(t, p, syscall.SIGINT, "signal: interrupt") },
	},
	{
		Name:   "signal/SIGHUP",
		Shows:  "SIGHUP ends the program with status 0",
		Except: original("it dies of the signal"),
		Run:    func(t *testing.T, p *harness.Program) { endsOnSignal(t, p, syscall.SIGHUP, "signal: hangup") },
	},
	{
		Name:   "signal/connections-reset",
		Shows:  "connections that are open when the program is told to end are reset, so that none looks complete",
		Except: notOriginal("as the kernel sees fit"),
		Run:    signalResets,
	},
	{
		Name:   "signal/while-connecting",
		Shows:  "the program ends at once even while a connect hangs",
		Except: notOriginal("its connect never waits"),
		// A cancellation has more than one moment to get lost.
		Run: func(t *testing.T, p *harness.Program) {
			for range 5 {
				signalWhileConnecting(t, p)
			}
		},
	},
	{
		Name:   "signal/stuck-peers",
		Shows:  "the program ends at once even while 64 clients do not read what is waiting for them",
		Except: original("it dies of the signal"),
		Run:    signalStuckPeers,
	},
	{
		Name:   "signal/under-load",
		Shows:  "the program ends at once while bytes flow",
		Except: original("it dies of the signal"),
		Run:    signalUnderLoad,
	},
	{
		Name:   "signal/SIGUSR1",
		Shows:  "SIGUSR1 logs the counters since the start of the program, and ends nothing",
		Except: original("it dies of the signal"),
		Run:    signalCounters,
	},
	{
		Name:   "signal/SIGUSR1-draining",
		Shows:  "SIGUSR1 logs the counters during a drain too",
		Except: notOriginal("no --drain-timeout="),
		Run:    signalCountersDraining,
	},
	{
		Name:   "signal/removes-socket-file",
		Shows:  "the UNIX socket file of --listen= is gone after the program has ended",
		Except: notOriginal("no --listen="),
		Run:    signalRemovesFile,
	},
	{
		Name:  "signal/keeps-inherited-file",
		Shows: "the file of an inherited UNIX socket stays: the service manager listens there",
		Run:   signalKeepsFile,
	},
}

// wantExit checks how a program ended that was signalled.
func wantExit(t *testing.T, p *harness.Program, process *harness.Process, signalled string) {
	t.Helper()
	want := "exit status 0"
	if !p.Graceful {
		want = signalled
	}
	if status := process.AwaitExit(); status != want {
		t.Errorf("ended with %s, want %s", status, want)
	}
}

func endsOnSignal(t *testing.T, p *harness.Program, s syscall.Signal, signalled string) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	echoOnce(t, proxy)
	proxy.Signal(s)
	wantExit(t, p, proxy.Process, signalled)
	if lines := proxy.Lines(); len(lines) > 0 {
		t.Errorf("it wrote:\n%s", proxy.Stderr())
	}
	refusesNow(t, proxy.Address)
}

// refusesNow checks that nobody listens on an address any more.
func refusesNow(t *testing.T, a harness.Address) {
	t.Helper()
	if c, err := harness.TryDial(a, harness.SocketOptions{}); err == nil {
		c.Close()
		t.Errorf("somebody still listens on %s", a.Text)
	}
}

func signalResets(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	idle, idleFar := join(t, proxy, accepted)
	ended, endedFar := join(t, proxy, accepted)
	ended.EndWriting()
	endedFar.ExpectEnd()
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "")
	idle.ExpectReset()
	idleFar.ExpectReset()
	ended.ExpectReset() // half of it was over, its reply was not
}

func signalWhileConnecting(t *testing.T, p *harness.Program) {
	path := filepath.Join(harness.ShortDir(t), "stuck")
	harness.ListenNarrow(t, harness.Address{Transport: harness.Unix, Network: "unix", Text: path}, 1)
	notify := harness.NewNotify(t)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{path}, Env: []string{notify.Environment()}})
	notify.Await(t, "READY=1")
	const connections = 6 // more than the queue takes
	// The socket that said READY=1 may still be there for a moment.
	before := harness.Settled(t, "the number of descriptors", func() int64 { return int64(proxy.Descriptors()) }, settle)
	for range connections {
		proxy.Dial(t).SendText("waiting")
	}
	harness.Until(t, "the proxy to connect", func() bool { return int64(proxy.Descriptors()) >= before+2*connections })
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "")
}

func signalStuckPeers(t *testing.T, p *harness.Program) {
	var taken atomic.Int64
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		_ = harness.NewPattern(1, 1).SendTo(c, 1<<40, func(n int) { taken.Add(int64(n)) })
	})
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	for range 64 {
		harness.DialWith(t, proxy.Address, harness.SocketOptions{ReceiveBuffer: 4096})
	}
	harness.Until(t, "the flood to begin", func() bool { return taken.Load() > 0 })
	harness.Settled(t, "the flood", taken.Load, settle)
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "signal: terminated")
}

func signalUnderLoad(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	flowing := make(chan struct{}, 16)
	for i := range 8 {
		client := proxy.Dial(t)
		go func() { _ = harness.NewPattern(1, uint64(i)).SendTo(client.Conn, 1<<40, nil) }()
		go func() {
			buffer := make([]byte, 64<<10)
			for signalled := false; ; {
				n, err := client.Read(buffer)
				if n > 0 && !signalled {
					flowing <- struct{}{}
					signalled = true
				}
				if err != nil {
					return
				}
			}
		}()
	}
	for range 8 {
		<-flowing
	}
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "signal: terminated")
}

// signalCounters asks from when the Go runtime catches signals, which is before the
// program itself knows of any, until there are counters, and again when they tell
// something.
func signalCounters(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	if !p.IsOurs() {
		echoOnce(t, proxy)
		proxy.Signal(syscall.SIGUSR1)
		wantExit(t, p, proxy.Process, "signal: user defined signal 1")
		return
	}
	harness.Until(t, "the program to catch SIGUSR1", func() bool { return proxy.Catches(syscall.SIGUSR1) })
	harness.Until(t, "the counters to be told", func() bool {
		proxy.Signal(syscall.SIGUSR1)
		return slices.ContainsFunc(proxy.Lines(), func(line string) bool {
			return strings.HasPrefix(line, "counters: connections=0 accepted=0 ")
		})
	})
	for range 3 {
		echoOnce(t, proxy) // 5 bytes each way
	}
	harness.Until(t, "the counters to tell all", func() bool { // the last one may not be closed yet
		proxy.Signal(syscall.SIGUSR1)
		return slices.Contains(proxy.Lines(), "counters: connections=0 accepted=3 refused=0 failed=0 broken=0 "+
			"bytes-to-target=15 bytes-to-client=15 timed-out=0 retried=0 given-up=0 bad-headers=0 starved=0 parked=0 stale-events=0 passed-descriptors=0")
	})
}

func signalCountersDraining(t *testing.T, p *harness.Program) {
	proxy, clients, fars := startDraining(t, p, "1h")
	proxy.Signal(syscall.SIGUSR1)
	proxy.AwaitLine("^counters: connections=2 accepted=2 ")
	for i := range clients {
		clients[i].EndWriting()
		fars[i].ExpectEnd()
		fars[i].EndWriting()
		clients[i].ExpectEnd()
	}
	wantExit(t, p, proxy.Process, "")
}

func signalRemovesFile(t *testing.T, p *harness.Program) {
	address := harness.NewAddress(t, harness.Unix)
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	process := startListening(t, p, target.Target(), address.Text)
	process.Signal(syscall.SIGTERM)
	wantExit(t, p, process, "")
	if _, err := os.Lstat(address.Text); err == nil {
		t.Error("the socket file is still there")
	}
}

func signalKeepsFile(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.Unix, target.Target())
	echoOnce(t, proxy)
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "signal: terminated")
	if _, err := os.Lstat(proxy.Address.Text); err != nil {
		t.Error(err)
	}
}
