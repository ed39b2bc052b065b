package conformance

import (
	"syscall"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// acceptedTrouble is how a connection that was passed in ends badly.
type acceptedTrouble struct {
	name  string
	lines int // in the log
	// play has a client, before and after the program has started, and the target's
	// end of the connection, if there is a target.
	before func(client *harness.Conn)
	after  func(client *harness.Conn, accepted <-chan *harness.Conn)
	target bool
}

var acceptedTroubles = []acceptedTrouble{
	{name: "the client has left", before: func(client *harness.Conn) { client.Close() }, target: true},
	{name: "the client has reset", before: func(client *harness.Conn) { client.Reset() }, target: true},
	{name: "the client resets", target: true, after: func(client *harness.Conn, accepted <-chan *harness.Conn) {
		far := greet(client, accepted)
		client.Reset()
		far.ExpectReset()
	}},
	{name: "the target resets", target: true, after: func(client *harness.Conn, accepted <-chan *harness.Conn) {
		greet(client, accepted).Reset()
		client.ExpectReset()
	}},
	{name: "no target", lines: 1, after: func(client *harness.Conn, _ <-chan *harness.Conn) { client.ExpectGone() }},
}

// greet sends something each way, and returns the target's end.
func greet(client *harness.Conn, accepted <-chan *harness.Conn) (far *harness.Conn) {
	client.SendText(">")
	far = <-accepted
	far.ExpectText(">")
	far.SendText("<")
	client.ExpectText("<")
	return far
}

func acceptedInTrouble(t *testing.T, p *harness.Program, a acceptedTrouble) {
	to := harness.Unused(t, harness.TCP4).Target()
	script, accepted := harness.Hand()
	heard := func() {}
	if a.target {
		// Ends when its peer does, so that one who has left before does not wait.
		target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
			accepted <- c
			if a.after == nil {
				c.ExpectGone()
				return
			}
			script(c)
			<-accepted
		})
		to = target.Target()
		if a.after == nil {
			heard = target.Wait
		}
	}
	c := acceptOn(t, harness.TCP4, 0)
	if a.before != nil {
		a.before(c.client)
	}
	process := startWith(t, p, harness.Options{Args: []string{to}}, c)
	if a.after != nil {
		a.after(c.client, accepted)
	}
	wantEnd(t, process, a.lines)
	heard()
}

func acceptedProxyProtocol(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	sent := acceptOn(t, harness.TCP4, 0)
	process := startWith(t, p, harness.Options{Args: []string{"--proxy-protocol=v2", target.Target()}}, sent)
	far := <-accepted
	header, _ := expectHeader(t, far)
	if header != nil {
		wantAddresses(t, header, sent.client, "v2", harness.TCP4)
	}
	sent.client.Close()
	far.ExpectEnd()
	far.Close()
	wantEnd(t, process, 0)

	taken, not := acceptOn(t, harness.TCP4, 0), acceptOn(t, harness.TCP4, 0)
	process = startWith(t, p, harness.Options{Args: []string{"--accept-proxy-protocol", "--proxy-protocol=v1", target.Target()}}, taken, not)
	not.client.SendText("no header\r\n")
	not.client.ExpectGone()
	taken.client.Send(append(sentHeader(t, 2), "payload"...))
	far = <-accepted
	far.ExpectText("PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\npayload")
	taken.client.Close()
	far.ExpectEnd()
	far.Close()
	process.AwaitLine("no usable PROXY header")
	wantEnd(t, process, 1)
}

func acceptedTimeouts(t *testing.T, p *harness.Program) {
	address := harness.NewAddress(t, harness.Unix)
	c := acceptOn(t, harness.TCP4, 0)
	process := startWith(t, p, harness.Options{
		Args: []string{"--connect-retry=1min", "--idle-timeout=3", address.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	}, c)
	c.client.SendText("is anybody there?")
	process.AwaitLine("the client waits for the target")
	script, accepted := harness.Hand()
	harness.ServeOn(t, harness.ListenOn(t, address, harness.SocketOptions{}), script)
	far := <-accepted
	far.ExpectText("is anybody there?")
	far.SendText("yes")
	c.client.ExpectText("yes")
	c.client.ExpectReset()
	process.AwaitLine("the idle timeout has expired")
	if status := process.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
	process.AwaitLine(`^ended: accepted=1 .* timed-out=1 retried=[1-9]`)
}

// startPassed joins a connection that is passed in to a target.
func startPassed(t *testing.T, p *harness.Program, args ...string) (process *harness.Process, client, far *harness.Conn) {
	t.Helper()
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	c := acceptOn(t, harness.TCP4, 0)
	process = startWith(t, p, harness.Options{Args: append(args, target.Target()), Env: []string{"SYSTEMD_LOG_LEVEL=debug"}}, c)
	return process, c.client, greet(c.client, accepted)
}

func acceptedStopped(t *testing.T, p *harness.Program, workers string) {
	process, client, far := startPassed(t, p, workers)
	process.Signal(syscall.SIGTERM)
	wantExit(t, p, process, "")
	client.ExpectReset()
	far.ExpectReset()
}

func acceptedDrained(t *testing.T, p *harness.Program, workers string) {
	process, client, far := startPassed(t, p, workers, "--drain-timeout=infinity")
	process.Signal(syscall.SIGTERM)
	process.AwaitLine("letting connections finish: connections=1 ")
	far.SendText("late answer")
	client.ExpectText("late answer")
	client.EndWriting()
	far.ExpectEnd()
	far.EndWriting()
	client.ExpectEnd()
	wantExit(t, p, process, "")
	process.AwaitLine(`^ended: accepted=1 refused=0 failed=0 broken=0 `)
}

func acceptedStoppedAgain(t *testing.T, p *harness.Program, workers string) {
	process, client, far := startPassed(t, p, workers, "--drain-timeout=1h")
	process.Signal(syscall.SIGTERM)
	process.AwaitLine("letting connections finish: connections=1 ")
	process.Signal(syscall.SIGTERM)
	wantExit(t, p, process, "")
	client.ExpectReset()
	far.ExpectReset()
}
