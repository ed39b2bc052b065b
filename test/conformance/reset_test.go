package conformance

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var resetCases = []Case{
	{
		Name:   "reset/by-client",
		Shows:  "a client's reset reaches the target as a reset",
		Except: original("it looks like a clean end"),
		Run:    func(t *testing.T, p *harness.Program) { resetPassesOn(t, p, true, 0) },
	},
	{
		Name:   "reset/by-target",
		Shows:  "a target's reset reaches the client as a reset",
		Except: original("it looks like a clean end"),
		Run:    func(t *testing.T, p *harness.Program) { resetPassesOn(t, p, false, 0) },
	},
	{
		Name:   "reset/by-target-at-once",
		Shows:  "when a target resets connections as soon as it has accepted them, the clients see resets, and nothing is logged about an unreachable target",
		Except: original("it looks like a clean end"),
		Run:    resetAtOnce,
	},
	{
		Name:   "reset/by-client-after-data",
		Shows:  "what came before a client's reset is delivered, then the reset",
		Except: original("the bytes, then a clean end"),
		Run:    func(t *testing.T, p *harness.Program) { resetPassesOn(t, p, true, 32<<10) },
	},
	{
		Name:   "reset/by-target-after-data",
		Shows:  "what came before a target's reset is delivered, then the reset",
		Except: original("the bytes, then a clean end"),
		Run:    func(t *testing.T, p *harness.Program) { resetPassesOn(t, p, false, 32<<10) },
	},
	{
		Name:   "reset/slow-reader",
		Shows:  "a peer that had not taken everything before a reset receives in order whatever it does receive, then the reset, never a clean end",
		Except: notOriginal("passes no reset on"),
		Run:    resetTowardsSlowReader,
	},
	{
		Name:  "reset/towards-unix",
		Shows: "a reset reaches a UNIX peer, for which the kernel has no reset, as the end of the connection in both directions",
		Run:   func(t *testing.T, p *harness.Program) { resetTowards(t, p, harness.Unix) },
	},
	{
		Name:   "reset/from-unix-with-unread",
		Shows:  "a UNIX peer that closes with bytes unread, the only reset that the kernel has for it, resets the other side",
		Except: original("it looks like a clean end"),
		Run:    resetFromUnix,
	},
	{
		Name:  "reset/others-unharmed",
		Shows: "a reset connection leaves the others alone",
		Run:   resetLeavesOthers,
	},
}

// connected returns both ends of a connection through a proxy.
func connected(t *testing.T, p *harness.Program, by pair) (client, far *harness.Conn) {
	t.Helper()
	script, accepted := harness.Hand()
	target := harness.Serve(t, by.to, script)
	proxy := harness.StartProxy(t, p, by.from, target.Target())
	return join(t, proxy, accepted)
}

// join makes one more connection and returns both its ends.
func join(t *testing.T, proxy *harness.Proxy, accepted <-chan *harness.Conn) (client, far *harness.Conn) {
	t.Helper()
	client = proxy.Dial(t)
	client.SendText(">")
	select {
	case far = <-accepted:
	case <-time.After(harness.Patience):
		t.Fatal("the connection does not reach the target")
	}
	far.ExpectText(">")
	far.SendText("<")
	client.ExpectText("<")
	return client, far
}

func resetPassesOn(t *testing.T, p *harness.Program, byClient bool, size int) {
	breaker, other := connected(t, p, pair{harness.TCP4, harness.TCP4})
	if !byClient {
		breaker, other = other, breaker
	}
	data := harness.Random(harness.Seed(t), 0, size)
	breaker.Send(data)
	breaker.AwaitDelivered() // a reset discards what the sender's kernel still holds
	breaker.Reset()
	if size > 0 && p.IsOurs() {
		other.Expect(data)
	}
	if p.IsOurs() {
		other.ExpectReset()
	} else if got := other.ReadAll(); len(got) > len(data) {
		// How many of the bytes come through is left to chance here: splice
		// reports the reset before it has moved what was queued.
		t.Errorf("%d bytes, more than were sent", len(got))
	}
}

// resetAtOnce has the reset there before the proxy has seen that it is connected, as
// often as it comes to that.
func resetAtOnce(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) { c.Reset() })
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	for range 50 {
		var clients []net.Conn
		for range 16 { // at once, so that the proxy comes late
			client, err := net.Dial(proxy.Address.Network, proxy.Address.Text)
			switch {
			case err == nil:
				clients = append(clients, client)
			case !errors.Is(err, syscall.ECONNRESET): // or it is as quick as that
				t.Fatal(err)
			}
		}
		for _, client := range clients {
			if got, err := io.ReadAll(client); len(got) > 0 || p.IsOurs() != errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("received %q, %v", got, err)
			}
			client.Close()
		}
	}
	for _, line := range proxy.Lines() {
		if strings.Contains(line, "cannot reach the target") {
			t.Errorf("it wrote %q", line)
		}
	}
}

// resetTowardsSlowReader leaves bytes in the proxy's own send buffer when the
// reset arrives: the reset discards them, as TCP's resets do. What must not
// happen is that the part that arrived looks complete.
func resetTowardsSlowReader(t *testing.T, p *harness.Program) {
	const size = 600 << 10
	listening := harness.Listen(t, harness.TCP4, harness.SocketOptions{ReceiveBuffer: 4096})
	script, accepted := harness.Hand()
	target := harness.ServeOn(t, listening, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	client, far := join(t, proxy, accepted)
	data := harness.Random(harness.Seed(t), 0, size)
	client.Send(data)
	client.AwaitDelivered()
	client.Reset()
	got, err := io.ReadAll(far)
	if !bytes.HasPrefix(data, got) {
		t.Errorf("%d bytes arrived altered", len(got))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after %d of %d bytes: %v, want a reset", len(got), len(data), err)
	}
}

// resetTowards resets a client whose target has no resets.
func resetTowards(t *testing.T, p *harness.Program, to harness.Transport) {
	client, far := connected(t, p, pair{harness.TCP4, to})
	client.Reset()
	far.ExpectGone()
	harness.Until(t, "writing to fail", func() bool {
		_, err := far.Write([]byte("x"))
		return err != nil
	})
}

func resetFromUnix(t *testing.T, p *harness.Program) {
	client, far := connected(t, p, pair{harness.Unix, harness.TCP4})
	far.SendText("never read")
	harness.Until(t, "the bytes to arrive", func() bool { return client.Readable() > 0 })
	client.Close()
	if p.IsOurs() {
		far.ExpectReset()
	} else {
		far.ExpectEnd()
	}
}

func resetLeavesOthers(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	client, far := join(t, proxy, accepted)
	for range 50 {
		broken, brokenFar := join(t, proxy, accepted)
		broken.Reset()
		brokenFar.ExpectGone()
	}
	client.SendText("unharmed")
	far.ExpectText("unharmed")
	far.SendText("both ways")
	client.ExpectText("both ways")
}
