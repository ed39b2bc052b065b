package conformance

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var retryCases = []Case{
	{
		Name:   "retry/refusing",
		Shows:  "--connect-retry= lets clients wait for a target that is not up yet; what they send meanwhile arrives intact",
		Except: notOriginal("no --connect-retry="),
		Run:    retryUntilUp,
	},
	{
		Name:   "retry/gives-up",
		Shows:  "--connect-retry= closes the client when the time is over, with one line in the log",
		Except: notOriginal("no --connect-retry="),
		Run:    retryGivesUp,
	},
	{
		Name:   "retry/client-leaves",
		Shows:  "a client that resets, or ends its stream without a request, is given up at once",
		Except: notOriginal("no --connect-retry="),
		Run:    retryClientLeaves,
	},
	{
		Name:   "retry/client-ends-its-request",
		Shows:  "a client that has sent a request and ended its stream while it waits gets its reply",
		Except: notOriginal("no --connect-retry="),
		Run:    retryHalfClosed,
	},
	{
		Name:   "retry/ends-at-once",
		Shows:  "SIGTERM ends the program at once while clients wait for a target",
		Except: notOriginal("no --connect-retry="),
		Run:    retryEnds,
	},
}

func retryUntilUp(t *testing.T, p *harness.Program) {
	each(t, []harness.Transport{harness.TCP4, harness.Unix, harness.Abstract}, func(tr harness.Transport) string { return string(tr) }, func(t *testing.T, tr harness.Transport) {
		address := harness.Unused(t, tr)
		proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{"--connect-retry=1min", address.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
		data := harness.Random(harness.Seed(t), 0, 300<<10)
		var clients []*harness.Conn
		for range 5 {
			client := proxy.Dial(t)
			go func() {
				client.Send(data)
				client.EndWriting()
			}()
			clients = append(clients, client)
		}
		proxy.AwaitLine(`waits for the target`)
		target := harness.ServeOn(t, harness.ListenOn(t, address, harness.SocketOptions{}), harness.Echo)
		for _, client := range clients {
			client.Expect(data)
			client.ExpectEnd()
		}
		target.Wait()
	})
}

func retryGivesUp(t *testing.T, p *harness.Program) {
	target := harness.Unused(t, harness.Unix)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--connect-retry=300ms")
	began := time.Now()
	client := proxy.Dial(t)
	client.ExpectGone()
	if after := time.Since(began); after < 300*time.Millisecond {
		t.Errorf("given up after %v already", after)
	}
	proxy.AwaitLine(`cannot reach the target.*no such file`)
	if lines := proxy.Lines(); len(lines) != 1 {
		t.Errorf("it wrote:\n%s", proxy.Stderr())
	}
}

func retryClientLeaves(t *testing.T, p *harness.Program) {
	target := harness.Unused(t, harness.Unix)
	for _, listener := range []harness.Transport{harness.TCP4, harness.Unix} {
		proxy := harness.StartProxyWith(t, p, listener, harness.Options{Args: []string{"--connect-retry=1h", target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
		proxy.AwaitLine("forwarding") // whatever is opened at start is open now
		before := proxy.Descriptors()
		waiting := func() int { return strings.Count(proxy.Stderr(), "waits for the target") }
		first := proxy.Dial(t)
		for i := range 5 {
			client := proxy.Dial(t)
			harness.Until(t, "the clients to wait", func() bool { return waiting() == i+2 })
			if listener == harness.TCP4 {
				client.Reset()
			} else {
				client.Close()
			}
			// The first has one, and now and then another to try with.
			harness.Until(t, "the client to be given up", func() bool { return proxy.Descriptors() <= before+1 })
		}
		first.EndWriting()
		first.ExpectGone()
	}
}

func retryHalfClosed(t *testing.T, p *harness.Program) {
	retryHalfClosedBy(t, p, pair{harness.TCP4, harness.Unix})
}

func retryHalfClosedBy(t *testing.T, p *harness.Program, by pair) {
	address := harness.Unused(t, by.to)
	proxy := harness.StartProxyWith(t, p, by.from, harness.Options{Args: []string{"--connect-retry=1min", address.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
	client := proxy.Dial(t)
	client.SendText("a request")
	client.EndWriting()
	proxy.AwaitLine(`waits for the target`)
	harness.ServeOn(t, harness.ListenOn(t, address, harness.SocketOptions{}), harness.Echo)
	client.ExpectText("a request")
	client.ExpectEnd()
}

func retryEnds(t *testing.T, p *harness.Program) {
	address := harness.Unused(t, harness.Unix)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{"--connect-retry=infinity", address.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
	client := proxy.Dial(t)
	proxy.AwaitLine(`waits for the target`)
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "")
	client.ExpectGone()
}
