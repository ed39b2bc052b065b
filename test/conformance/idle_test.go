package conformance

import (
	"io"
	"net"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
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
		Shows: "a connection that comes within the idle time restarts it",
		Run:   idleStartsAnew,
	},
	{
		Name:  "idle-exit/after-failure",
		Shows: "a connection whose target cannot be reached counts as an ended connection",
		Run:   idleAfterFailure,
	},
	{
		Name:   "idle-exit/dormant",
		Shows:  "connections whose target has ended, with everything delivered, do not keep the program from ending when idle, and clients that hold on see a clean end",
		Except: newer("they do"),
		Run:    idleDormant,
	},
	{
		Name:   "idle-exit/dormant-stirs",
		Shows:  "bytes that a client sends to a target that has ended its stream restart the idle time",
		Except: either(notOlder("it closes at the first end"), notNewer("it does not run")),
		Run:    idleDormantStirs,
	},
	{
		Name:   "idle-exit/not-while-answering",
		Shows:  "the idle time does not run while a client that has ended its stream waits for its answer",
		Except: older("it closes at the first end"),
		Run:    idleNotWhileAnswering,
	},
	{
		Name:   "idle-exit/found-nobody",
		Shows:  "the idle time runs after an accept that finds nobody, without a first connection",
		Except: either(original("it does not"), either(untested(harness.Uring, acceptsInRing), untested(harness.On61, acceptsInRing))),
		Run:    idleFoundNobody,
	},
}

const acceptsInRing = "the ring's accept waits until it finds somebody"

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
	// The end reaches us after the clock has started, and the clock may be a
	// little behind: so measure from before the connection, less a tolerance.
	began := time.Now()
	echoOnce(t, proxy)
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
	if after := time.Since(began); after < idleTime*8/10 {
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
	for _, span := range []time.Duration{time.Second, 5 * time.Second} {
		if startsAnew(t, p, span) {
			return
		}
	}
	t.Error("this machine is too slow to connect within the idle time")
}

// startsAnew has connections come in the middle of the idle time. It reports false if the
// program was quicker to end, as it may be if this process was kept waiting.
func startsAnew(t *testing.T, p *harness.Program, span time.Duration) bool {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--exit-idle-time="+span.String())
	last := time.Now()
	echoOnce(t, proxy)
	for range 3 {
		select {
		case <-proxy.Exited():
		case <-time.After(span / 2): // that is the case
		}
		began := time.Now()
		if err := tryEcho(proxy); err != nil {
			wantExit(t, p, proxy.Process, "exit status 0")
			if after := time.Since(last); after < span*8/10 {
				t.Errorf("ended %v after a connection (%v), want %v", after, err, span)
			}
			return false
		}
		last = began
	}
	wantExit(t, p, proxy.Process, "exit status 0")
	if after := time.Since(last); after < span*8/10 {
		t.Errorf("ended %v after the last connection, want %v", after, span)
	}
	return true
}

// tryEcho is echoOnce where the program may have ended.
func tryEcho(proxy *harness.Proxy) error {
	c, err := harness.TryDial(proxy.Address, harness.SocketOptions{})
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(harness.Patience))
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, make([]byte, len("hello"))); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	return err
}

func idleAfterFailure(t *testing.T, p *harness.Program) {
	proxy := harness.StartProxy(t, p, harness.TCP4, harness.Unused(t, harness.Unix).Target(), idleOption)
	proxy.Dial(t).ExpectGone()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
}

func idleDormant(t *testing.T, p *harness.Program) {
	const connections = 3
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), idleOption)
	var clients, fars []*harness.Conn
	for range connections {
		client, far := join(t, proxy, accepted)
		clients, fars = append(clients, client), append(fars, far)
	}
	var ended time.Time
	for i, client := range clients {
		ended = time.Now()
		fars[i].SendText("good bye")
		fars[i].EndWriting()
		client.ExpectText("good bye")
		client.ExpectEnd()
	}
	if p == harness.Newest {
		harness.Stays(t, "the program runs with connections open", 4*idleTime, proxy.Running)
		return
	}
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
	if after := time.Since(ended); after < idleTime*8/10 {
		t.Errorf("ended %v after the last end of a target, want %v", after, idleTime)
	}
	for _, client := range clients {
		if wasReset(client) {
			t.Error("a client was reset")
		}
	}
}

func idleDormantStirs(t *testing.T, p *harness.Program) {
	for _, span := range []time.Duration{time.Second, 5 * time.Second} {
		if stirs(t, p, span) {
			return
		}
	}
	t.Error("this machine is too slow to send a message within the idle time")
}

// stirs sends a message in the middle of the idle time. It reports false if the program
// was quicker to end, as it may be if this process was kept waiting.
func stirs(t *testing.T, p *harness.Program, span time.Duration) bool {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--exit-idle-time="+span.String())
	client, far := join(t, proxy, accepted)
	began := time.Now()
	far.EndWriting()
	client.ExpectEnd()
	<-time.After(time.Until(began.Add(span / 2))) // that is the case
	stirred := time.Now()
	_, _ = client.Write([]byte("!"))
	if n, _ := far.Read(make([]byte, 1)); n == 0 {
		if after := time.Since(began); after < span*8/10 {
			t.Errorf("ended after %v, want %v", after, span)
		}
		return false
	}
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
	if after := time.Since(stirred); after < span*8/10 {
		t.Errorf("ended %v after the last message, want %v", after, span)
	}
	return true
}

func idleNotWhileAnswering(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), idleOption)
	client, far := join(t, proxy, accepted)
	client.EndWriting()
	far.ExpectEnd()
	if p == harness.Original {
		client.ExpectGone()
		return
	}
	harness.Stays(t, "the program runs while an answer is waited for", 4*idleTime, proxy.Running)
	far.SendText("the answer")
	far.EndWriting()
	client.ExpectText("the answer")
	client.ExpectEnd()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
}

// idleFoundNobody has a tracer answer the program's accepts: as if another process that
// has the listener had always been quicker.
func idleFoundNobody(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, traced(t, p, "-o/dev/null", "-etrace=accept4", "-einject=accept4:error=EAGAIN:delay_enter=20000"), harness.TCP4, target.Target(), idleOption)
	proxy.Dial(t)
	if p.Original {
		harness.Stays(t, "the program runs before its first connection", 4*idleTime, proxy.Running)
		return
	}
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
}
