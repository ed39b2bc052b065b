package clock

import (
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// traffic sets the clock while connections go back and forth without a pause. Each
// makes some exchanges between two jumps.
func traffic(t *testing.T, p *harness.Program) {
	const connections, between, size = 8, 3, 20_000
	seed := harness.Seed(t)
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--exit-idle-time=1s")
	var exchanges [connections]atomic.Int64
	var enough atomic.Bool
	var clients sync.WaitGroup
	for i := range connections {
		client := proxy.Dial(t)
		clients.Go(func() {
			for n := uint64(0); !enough.Load() && !t.Failed(); n++ {
				data := harness.Random(seed, n*connections+uint64(i), size)
				client.Send(data)
				client.Expect(data)
				exchanges[i].Add(1)
			}
			client.EndWriting()
			client.ExpectEnd()
		})
	}
	await := func() {
		var from [connections]int64
		for i := range from {
			from[i] = exchanges[i].Load()
		}
		harness.Until(t, "each connection to go on", func() bool {
			for i := range from {
				if exchanges[i].Load() < from[i]+between {
					return false
				}
			}
			return true
		})
	}
	for _, to := range jumps {
		await()
		set(t, to)
	}
	await()
	enough.Store(true)
	clients.Wait()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
}

// silentConnection must last, however late it seems to be.
func silentConnection(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--exit-idle-time=300ms")
	client := proxy.Dial(t)
	client.SendText("before")
	client.ExpectText("before")
	for _, to := range jumps {
		set(t, to)
		harness.Stays(t, "the program runs with a connection open", 600*time.Millisecond, proxy.Running)
	}
	client.SendText("after")
	client.ExpectText("after")
	client.EndWriting()
	client.ExpectEnd()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
}

// idleExit sets the clock while the idle time runs, which must pass all the same,
// and not be cut short.
func idleExit(t *testing.T, p *harness.Program, to time.Time) {
	const span = 3 * time.Second // long against the time until the clock is set
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--exit-idle-time=3s")
	echoOnce := func() {
		client := proxy.Dial(t)
		client.SendText("hello")
		client.ExpectText("hello")
		client.EndWriting()
		client.ExpectEnd()
	}
	echoOnce() // whatever is opened once is open now
	idle := proxy.Descriptors()
	echoOnce()
	ended := time.Now()
	harness.Until(t, "the connection to be over", func() bool { return proxy.Descriptors() <= idle })
	set(t, to)
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
	// As the original's, the idle clock may be a little behind.
	if after := time.Since(ended); after < span*8/10 {
		t.Errorf("ended %v after the last connection, want %v", after, span)
	}
}

// drain sets the clock while a program that was told to end waits for its last
// connection.
func drain(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	notify := harness.NewNotify(t)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{"--drain-timeout=1h", target.Target()}, Env: []string{notify.Environment()}})
	client := proxy.Dial(t)
	client.SendText("before")
	client.ExpectText("before")
	proxy.Signal(syscall.SIGTERM)
	notify.Await(t, "STOPPING=1")
	for _, to := range jumps {
		set(t, to)
		client.SendText("still there?")
		client.ExpectText("still there?")
	}
	client.EndWriting()
	client.ExpectEnd()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
}

// watchdog sets the clock of a program that must report again and again.
func watchdog(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	notify := harness.NewNotify(t)
	harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{target.Target()},
		Env:  []string{notify.Environment(), "WATCHDOG_USEC=200000"},
		PIDs: []string{"WATCHDOG_PID"},
	})
	for _, to := range jumps {
		notify.Await(t, "WATCHDOG=1")
		set(t, to)
		notify.Pending() // sent before
		for range 2 {
			notify.Await(t, "WATCHDOG=1")
		}
	}
}
