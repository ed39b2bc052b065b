package conformance

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var noLogConnections = notOriginal("no --log-connections")

// accountCase is a case of one way to end.
func accountCase(outcome, shows string, run func(t *testing.T, p *harness.Program)) Case {
	return Case{Name: "log-connections/" + outcome, Shows: "--log-connections: " + shows, Except: noLogConnections, Run: run}
}

var logConnectionsCases = []Case{
	accountCase("line", "a line has the client, the listener, the target, the bytes in each direction, and the duration", accountLine),
	accountCase("off", "without it there is no line, even at the most verbose level", noAccount),
	accountCase("client-ended", "a client that ends its stream first", func(t *testing.T, p *harness.Program) { accountEnded(t, p, true) }),
	accountCase("target-ended", "a target that ends its stream first", func(t *testing.T, p *harness.Program) { accountEnded(t, p, false) }),
	accountCase("client-reset", "a client that resets", func(t *testing.T, p *harness.Program) { accountReset(t, p, true) }),
	accountCase("target-reset", "a target that resets", func(t *testing.T, p *harness.Program) { accountReset(t, p, false) }),
	accountCase("target-reset-at-once", "targets that reset as soon as they have accepted", accountResetAtOnce),
	accountCase("reset-after-end", "a side that resets after it has ended its stream has reset", accountResetAfterEnd),
	accountCase("client-left", "a client that gives up waiting for a target", accountLeft),
	accountCase("idle-timeout", "an idle connection", accountIdle),
	accountCase("target-unreachable", "a target that is not there", accountUnreachable),
	accountCase("bad-header", "a client without a proper PROXY header", accountBadHeader),
	accountCase("stopped", "a connection that is open at the end of the program", accountStopped),
	accountCase("told", "behind another proxy, the client is the one in its header, and the proxy is named as well", accountTold),
	accountCase("unix", "clients and targets over UNIX sockets", accountUnix),
	accountCase("stream", "the bytes of streams", accountStream),
	accountCase("many", "each of 500 connections has its line, also with several workers", accountMany),
	accountCase("level", "the line is at level info, and so is not shown at notice", accountLevel),
}

// startAccounting starts a proxy that logs connections to a target in the test's hands.
func startAccounting(t *testing.T, p *harness.Program, args ...string) (*harness.Proxy, <-chan *harness.Conn, harness.Address) {
	t.Helper()
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), append(args, "--log-connections")...)
	return proxy, accepted, target.Address
}

// wantAccount waits for a line, and checks all of it but the time.
func wantAccount(t *testing.T, proxy *harness.Proxy, client string, target string, toTarget, toClient int, outcome string) {
	t.Helper()
	line := proxy.AwaitLine("^connection closed: ")
	want := fmt.Sprintf("connection closed: client=%s listener=%s target=%s bytes-to-target=%d bytes-to-client=%d duration=",
		client, proxy.Address.Text, target, toTarget, toClient)
	rest, ok := strings.CutPrefix(line, want)
	if !ok || !regexp.MustCompile(`^[0-9.]+[mµ]?s outcome=`+outcome+`$`).MatchString(rest) {
		t.Errorf("got  %q\nwant %q and a time, outcome=%s", line, want, outcome)
	}
	if n := len(accounts(proxy)); n != 1 {
		t.Errorf("%d lines of one connection:\n%s", n, proxy.Stderr())
	}
}

// accounts are the lines of connections so far.
func accounts(proxy *harness.Proxy) (lines []string) {
	for _, line := range proxy.Lines() {
		if strings.HasPrefix(line, "connection closed: ") {
			lines = append(lines, line)
		}
	}
	return lines
}

func local(c *harness.Conn) string { return c.LocalAddr().String() }

func accountLine(t *testing.T, p *harness.Program) {
	proxy, accepted, target := startAccounting(t, p)
	began := time.Now()
	client := proxy.Dial(t)
	client.SendText("a request")
	far := <-accepted
	far.ExpectText("a request")
	far.SendText("and a longer reply")
	client.ExpectText("and a longer reply")
	client.EndWriting()
	far.ExpectEnd()
	far.Close()
	client.ExpectEnd()
	wantAccount(t, proxy, local(client), target.Text, 9, 18, "client-ended")
	most := time.Since(began)
	line := proxy.AwaitLine("^connection closed: ")
	text := regexp.MustCompile(`duration=(\S+)`).FindStringSubmatch(line)[1]
	if took, err := time.ParseDuration(text); err != nil || took <= 0 || took > most {
		t.Errorf("it took %v (%v), of %v", text, err, most)
	}
}

func noAccount(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
	echoOnce(t, proxy)
	proxy.Signal(syscall.SIGTERM)
	proxy.AwaitExit()
	if lines := accounts(proxy); len(lines) > 0 {
		t.Errorf("it wrote %q", lines)
	}
}

func accountEnded(t *testing.T, p *harness.Program, byClient bool) {
	proxy, accepted, target := startAccounting(t, p)
	client, far := join(t, proxy, accepted)
	first, second, outcome := client, far, "client-ended"
	if !byClient {
		first, second, outcome = far, client, "target-ended"
	}
	first.EndWriting()
	second.ExpectEnd()
	second.EndWriting()
	first.ExpectEnd()
	wantAccount(t, proxy, local(client), target.Text, 1, 1, outcome)
}

func accountReset(t *testing.T, p *harness.Program, byClient bool) {
	proxy, accepted, target := startAccounting(t, p)
	client, far := join(t, proxy, accepted)
	breaker, other, outcome := client, far, "client-reset"
	if !byClient {
		breaker, other, outcome = far, client, "target-reset"
	}
	breaker.Reset()
	other.ExpectReset()
	wantAccount(t, proxy, local(client), target.Text, 1, 1, outcome)
}

// accountResetAtOnce has the reset there before the proxy has seen that it is connected,
// as often as it comes to that.
func accountResetAtOnce(t *testing.T, p *harness.Program) {
	const rounds, clients = 10, 16
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) { c.Reset() })
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--log-connections")
	for range rounds {
		var group sync.WaitGroup
		for range clients {
			group.Go(func() {
				if client, err := harness.TryDial(proxy.Address, harness.SocketOptions{}); err == nil {
					_, _ = io.ReadAll(client)
					client.Close()
				} // else it is as quick as that
			})
		}
		group.Wait()
	}
	proxy.Signal(syscall.SIGTERM)
	proxy.AwaitExit()
	lines := accounts(proxy)
	for _, line := range lines {
		if !strings.HasSuffix(line, " outcome=target-reset") {
			t.Errorf("a line is %q", line)
		}
	}
	if len(lines) != rounds*clients {
		t.Errorf("%d lines of %d connections", len(lines), rounds*clients)
	}
}

func accountResetAfterEnd(t *testing.T, p *harness.Program) {
	proxy, accepted, target := startAccounting(t, p)
	client, far := join(t, proxy, accepted)
	far.EndWriting()
	client.ExpectEnd()
	client.Reset()
	far.ExpectReset()
	wantAccount(t, proxy, local(client), target.Text, 1, 1, "client-reset")
}

func accountLeft(t *testing.T, p *harness.Program) {
	nobody := harness.Unused(t, harness.TCP4)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{"--log-connections", "--connect-retry=1min", nobody.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	client := proxy.Dial(t)
	proxy.AwaitLine("waits for the target")
	client.EndWriting()
	client.ExpectGone()
	wantAccount(t, proxy, local(client), nobody.Target(), 0, 0, "client-left")
}

func accountIdle(t *testing.T, p *harness.Program) {
	proxy, accepted, target := startAccounting(t, p, "--idle-timeout=2s")
	client, far := join(t, proxy, accepted)
	client.ExpectReset()
	far.ExpectReset()
	wantAccount(t, proxy, local(client), target.Text, 1, 1, "idle-timeout")
}

func accountUnreachable(t *testing.T, p *harness.Program) {
	nobody := harness.Unused(t, harness.TCP4)
	proxy := harness.StartProxy(t, p, harness.TCP4, nobody.Target(), "--log-connections")
	client := proxy.Dial(t)
	client.ExpectGone()
	wantAccount(t, proxy, local(client), nobody.Text, 0, 0, "target-unreachable")
}

func accountBadHeader(t *testing.T, p *harness.Program) {
	proxy, _, target := startAccounting(t, p, "--accept-proxy-protocol")
	client := proxy.Dial(t)
	client.SendText("GET / HTTP/1.0\r\n\r\n")
	client.ExpectGone()
	wantAccount(t, proxy, local(client), target.Text, 0, 0, "bad-header")
}

func accountStopped(t *testing.T, p *harness.Program) {
	proxy, accepted, target := startAccounting(t, p)
	client, _ := join(t, proxy, accepted)
	proxy.Signal(syscall.SIGTERM)
	client.ExpectReset()
	wantAccount(t, proxy, local(client), target.Text, 1, 1, "stopped")
}

func accountTold(t *testing.T, p *harness.Program) {
	proxy, accepted, target := startAccounting(t, p, "--accept-proxy-protocol")
	client := proxy.Dial(t)
	client.SendText("PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\nhello")
	far := <-accepted
	far.ExpectText("hello")
	client.EndWriting()
	far.ExpectEnd()
	far.Close()
	client.ExpectEnd()
	wantAccount(t, proxy, "192.0.2.7:4711 via="+local(client), target.Text, 5, 0, "client-ended")
}

func accountUnix(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.Unix, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.Unix, target.Target(), "--log-connections")
	echoOnce(t, proxy)
	wantAccount(t, proxy, "unnamed", target.Text, 5, 5, "client-ended")
}

func accountStream(t *testing.T, p *harness.Program) {
	const size = 16 << 20
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--log-connections")
	client := proxy.Dial(t)
	go func() {
		client.Send(make([]byte, size))
		client.EndWriting()
	}()
	if n := len(client.ReadAll()); n != size {
		t.Errorf("%d bytes of %d came back", n, size)
	}
	wantAccount(t, proxy, local(client), target.Text, size, size, "client-ended")
}

func accountMany(t *testing.T, p *harness.Program) {
	const connections = 500
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--log-connections", "--workers=3")
	for range connections {
		echoOnce(t, proxy)
	}
	proxy.Signal(syscall.SIGTERM)
	proxy.AwaitExit()
	lines := accounts(proxy)
	for _, line := range lines {
		if !strings.Contains(line, " bytes-to-target=5 bytes-to-client=5 ") || !strings.HasSuffix(line, " outcome=client-ended") {
			t.Errorf("a line is %q", line)
		}
	}
	if len(lines) != connections {
		t.Errorf("%d lines of %d connections", len(lines), connections)
	}
}

func accountLevel(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{"--log-connections", target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=notice"},
	})
	echoOnce(t, proxy)
	proxy.Signal(syscall.SIGTERM)
	proxy.AwaitExit()
	if lines := proxy.Lines(); len(lines) > 0 {
		t.Errorf("it wrote %q", lines)
	}
}
