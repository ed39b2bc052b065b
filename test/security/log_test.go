package security

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// secret is what peers send and are named, and must never be in the log.
const secret = "hunter2-secret"

// TestLogHoldsNothingOfPeers sends secrets each way, through connections that end
// well, break off, are refused and find their target gone, at the level that logs
// most.
func TestLogHoldsNothingOfPeers(t *testing.T) {
	each(t, func(t *testing.T, p *harness.Program) {
		script, accepted := harness.Hand()
		target := harness.Serve(t, harness.TCP4, script)
		proxy := harness.StartProxyWith(t, p, harness.Unix, harness.Options{
			Args: []string{"--connections-max=4", target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
		})
		client, far := dialNamed(t, proxy), <-accepted
		exchangeSecrets(client, far)
		client.Close()
		far.ExpectEnd()
		far.Close()

		client, far = dialNamed(t, proxy), <-accepted
		exchangeSecrets(client, far)
		client.SendText(secret + ", never read")
		harness.Until(t, "it to arrive", func() bool { return far.Readable() > 0 })
		far.Reset()
		figures.Count("faults", 1)
		client.ExpectGone()

		awaitLine(t, proxy, "refusing", func() { dialNamed(t, proxy).Write([]byte(secret)) })
		target.Close()
		proxy.Signal(15)
		proxy.AwaitExit()
		expectNothing(t, proxy)
	})
}

// TestLogOfMissedTarget is TestLogHoldsNothingOfPeers without a target.
func TestLogOfMissedTarget(t *testing.T) {
	each(t, func(t *testing.T, p *harness.Program) {
		proxy := harness.StartProxyWith(t, p, harness.Unix, harness.Options{
			Args: []string{harness.Unused(t, harness.TCP4).Text}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
		})
		figures.Count("faults", 1)
		awaitLine(t, proxy, "cannot reach", func() { dialNamed(t, proxy).Write([]byte(secret)) })
		proxy.Signal(15)
		proxy.AwaitExit()
		expectNothing(t, proxy)
	})
}

var names atomic.Int64

// dialNamed connects from an address whose name would like to be a log line, and to
// be obeyed by a terminal.
func dialNamed(t *testing.T, proxy *harness.Proxy) *harness.Conn {
	t.Helper()
	local := fmt.Sprintf("@%s-%d-%d\n<0>forged: \x1b[31m", secret, os.Getpid(), names.Add(1))
	return harness.DialWith(t, proxy.Address, harness.SocketOptions{From: &net.UnixAddr{Name: local, Net: "unix"}})
}

// exchangeSecrets sends them each way.
func exchangeSecrets(client, far *harness.Conn) {
	client.SendText(secret)
	far.ExpectText(secret)
	far.SendText(secret)
	client.ExpectText(secret)
}

// awaitLine does something until the log has a line about it.
func awaitLine(t *testing.T, proxy *harness.Proxy, part string, do func()) {
	t.Helper()
	harness.Until(t, "a line with "+part, func() bool {
		do()
		return strings.Contains(proxy.Stderr(), part)
	})
}

// expectNothing fails the test if anything of a secret, in clear or as numbers, is in
// the output of a program that has ended, or if there is no output to look at.
func expectNothing(t *testing.T, proxy *harness.Proxy) {
	t.Helper()
	if !strings.Contains(proxy.Stderr(), "ended: accepted=") {
		t.Errorf("this is no log at the level debug:\n%s", proxy.Stderr())
	}
	text := strings.ToLower(proxy.Stderr() + proxy.Stdout())
	for _, form := range []string{"hunter2", "68756e746572", "aHVudGVy", "104 117 110", "forged", "\x1b"} {
		if strings.Contains(text, strings.ToLower(form)) {
			t.Errorf("what peers sent, or are named, is in the output as %q:\n%q", form, text)
		}
	}
}
