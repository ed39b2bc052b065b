package conformance

import (
	"testing"
	"time"

	"uring-socket-proxyd/test/harness"
)

// idleTime is long against the time that a step of these cases takes on a busy
// machine, and short against a test's.
const idleTime = 300 * time.Millisecond

const idleOption = "--exit-idle-time=300ms"

var idleExitCases = []Case{
	{
		Name:  "idle-exit/after-last",
		Shows: "--exit-idle-time=TIME ends the program with status 0, TIME after its last connection and no sooner",
		Run:   idleAfterLast,
	},
	{
		Name:  "idle-exit/not-before-first",
		Shows: "the idle time does not run before the first connection",
		Run:   idleNotBeforeFirst,
	},
	{
		Name:  "idle-exit/not-while-open",
		Shows: "the idle time does not run while a connection is open, however silent",
		Run:   idleNotWhileOpen,
	},
	{
		Name:  "idle-exit/starts-anew",
		Shows: "a connection that comes within the idle time makes it start anew",
		Run:   idleStartsAnew,
	},
	{
		Name:  "idle-exit/after-failure",
		Shows: "a connection whose target cannot be reached counts as one that has ended",
		Run:   idleAfterFailure,
	},
}

// echoOnce makes one connection, from its beginning to its end.
func echoOnce(t *testing.T, proxy *harness.Proxy) {
	t.Helper()
	client := proxy.Dial(t)
	client.SendText("hello")
	client.ExpectText("hello")
	client.EndWriting()
	client.ExpectEnd()
}

func idleAfterLast(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), idleOption)
	echoOnce(t, proxy)
	// The end reaches us after the clock has started, and the clock may be a
	// little behind: so measure from before the connection, less a tolerance.
	ended := time.Now()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
	if after := time.Since(ended); after < idleTime*8/10 {
		t.Errorf("ended %v after the last connection, want %v", after, idleTime)
	}
}

func idleNotBeforeFirst(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), idleOption)
	harness.Stays(t, "the program runs before its first connection", 4*idleTime, proxy.Running)
	echoOnce(t, proxy)
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
}

func idleNotWhileOpen(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), idleOption)
	client := proxy.Dial(t)
	client.SendText("hello")
	client.ExpectText("hello")
	echoOnce(t, proxy) // the end of another one does not matter
	harness.Stays(t, "the program runs with a connection open", 4*idleTime, proxy.Running)
	client.SendText("still open")
	client.ExpectText("still open")
	client.EndWriting()
	client.ExpectEnd()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
}

func idleStartsAnew(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	// Longer than the others: each connection must come within the idle time
	// even if this process is kept waiting.
	const span = time.Second
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--exit-idle-time=1s")
	for range 3 {
		echoOnce(t, proxy)
		harness.Stays(t, "the program runs", span/2, proxy.Running)
	}
	echoOnce(t, proxy)
	ended := time.Now()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
	if after := time.Since(ended); after < span*8/10 {
		t.Errorf("ended %v after the last connection, want %v", after, span)
	}
}

func idleAfterFailure(t *testing.T, p *harness.Program) {
	proxy := harness.StartProxy(t, p, harness.TCP4, harness.Unused(t, harness.Unix).Target(), idleOption)
	proxy.Dial(t).ExpectGone()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
}
