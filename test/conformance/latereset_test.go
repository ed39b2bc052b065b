package conformance

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

// Resets by sides that are not read, or not any more.
var lateResetCases = []Case{
	{
		Name:   "reset/after-its-end",
		Shows:  "a side that ends its stream and resets the connection a while later ends it for the other side too, which is silent",
		Except: notOriginal("it closes at the first end"),
		Run:    lateResets,
	},
	{
		Name:   "reset/after-its-end-while-draining",
		Shows:  "--drain-timeout= does not wait for a connection whose client has ended its stream and resets later",
		Except: notOriginal("no --drain-timeout="),
		Run:    lateResetWhileDraining,
	},
	{
		Name:   "reset/after-its-end-while-waiting",
		Shows:  "a client that has sent a request and ended its stream, and resets while its target is still being connected, is given up",
		Except: notOriginal("what it does depends on its version"),
		Run:    overCrews(lateResetWhileWaiting),
	},
	{
		Name:   "reset/behind-a-header",
		Shows:  "a client that resets right behind its PROXY header, a request and its end ends the connection, though the target holds on",
		Except: notOriginal("what it does with a PROXY header depends on its version"),
		Run:    overCrews(resetBehindHeader),
	},
	{
		Name:   "reset/beside-a-stuck-peer",
		Shows:  "a reset by one side ends the connection even while the other takes nothing",
		Except: notOriginal("it never does"),
		Run:    overCrews(resetsBesideStuck),
	},
	{
		Name:   "reset/seen-before-its-bytes",
		Shows:  "a reset while the program is stopped ends the connection, even with more still unread than the other side takes",
		Except: notOriginal("it never does"),
		Run:    overCrews(resetsWhileStopped),
	},
	{
		Name:   "keepalive/half-closed",
		Shows:  "--keepalive= detects that a client which has ended its stream is gone",
		Except: notOriginal("no --keepalive="),
		Run:    overCrews(keepaliveHalfClosed),
	},
}

// latePauses are for how long a side is silent between its end and its reset: less than it
// takes until it is watched, and more.
var latePauses = []time.Duration{300 * time.Millisecond, 2500 * time.Millisecond}

// lateReset is who resets, and when.
type lateReset struct {
	by    direction // of the stream that ends
	pause time.Duration
}

func (l lateReset) String() string {
	if l.by == toTarget {
		return "by the client after " + l.pause.String()
	}
	return "by the target after " + l.pause.String()
}

func lateResets(t *testing.T, p *harness.Program) {
	var rows []lateReset
	for _, pause := range latePauses {
		rows = append(rows, lateReset{toTarget, pause}, lateReset{toClient, pause})
	}
	eachCrew(t, func(t *testing.T, workers string) {
		script, accepted := harness.Hand()
		target := harness.Serve(t, harness.TCP4, script)
		proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), workers)
		var joining sync.Mutex
		ends := func(t *testing.T, row lateReset) (breaker, other *harness.Conn) {
			joining.Lock()
			defer joining.Unlock()
			return row.by.ends(join(t, proxy, accepted))
		}
		each(t, rows, lateReset.String, func(t *testing.T, row lateReset) {
			breaker, other := ends(t, row)
			breaker.EndWriting()
			other.ExpectEnd()
			<-time.After(row.pause) // that is the case
			breaker.Reset()
			awaitReset(t, "the other side", other)
		})
	})
}

func lateResetWhileDraining(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--drain-timeout=1h")
	client, far := join(t, proxy, accepted)
	client.EndWriting()
	far.ExpectEnd()
	proxy.Signal(syscall.SIGTERM)
	proxy.AwaitLine("letting connections finish: connections=1 ")
	<-time.After(latePauses[1]) // as above
	client.Reset()
	wantExit(t, p, proxy.Process, "")
	awaitReset(t, "the target", far)
}

func lateResetWhileWaiting(t *testing.T, p *harness.Program, workers string) {
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{workers, deafTarget(t, harness.TCP4).Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	proxy.AwaitLine("^forwarding: ")
	before := proxy.Sockets()
	client := proxy.Dial(t)
	client.SendText("a request")
	client.EndWriting()
	<-time.After(latePauses[1]) // as above
	if proxy.Sockets() <= before {
		t.Error("it does not wait")
	}
	client.Reset()
	harness.Until(t, "the client to be given up", func() bool { return proxy.Sockets() <= before })
}

// resetBehindHeader has all of that come while the program is stopped: one event tells of it
// all, when the program looks for the header alone.
func resetBehindHeader(t *testing.T, p *harness.Program, workers string) {
	script, _ := harness.Hand()
	tcp, onUNIX := harness.Serve(t, harness.TCP4, script), harness.Serve(t, harness.Unix, script)
	for _, target := range []string{tcp.Target(), onUNIX.Target()} {
		proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
			Args: []string{workers, "--accept-proxy-protocol", target}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
		})
		proxy.AwaitLine("^forwarding: ")
		before := proxy.Sockets()
		for range 5 {
			client := proxy.Dial(t)
			harness.Until(t, "the client to be accepted", func() bool { return proxy.Sockets() > before })
			whilePaused(t, proxy, func() {
				client.SendText("PROXY UNKNOWN\r\na request")
				client.EndWriting()
				client.AwaitDelivered()
				client.Reset()
			})
			harness.Until(t, "the connection to end", func() bool { return proxy.Sockets() <= before })
		}
	}
}

// stuckPair is the kinds of sockets of a connection of which one side resets while the
// other takes nothing, which TCP alone can do.
type stuckPair struct {
	by   direction
	pair pair
}

func (s stuckPair) String() string { return s.pair.String() + ", stream " + s.by.String() }

func resetsBesideStuck(t *testing.T, p *harness.Program, workers string) {
	each(t, []stuckPair{
		{toTarget, pair{harness.TCP4, harness.TCP4}},
		{toClient, pair{harness.TCP4, harness.TCP4}},
		{toTarget, pair{harness.TCP4, harness.Unix}},
		{toClient, pair{harness.Unix, harness.TCP4}},
	}, stuckPair.String, func(t *testing.T, row stuckPair) {
		script, accepted := harness.Hand()
		target := harness.Serve(t, row.pair.to, script)
		proxy := harness.StartProxy(t, p, row.pair.from, target.Target(), workers)
		sender, receiver := row.by.ends(join(t, proxy, accepted))
		fillUp(t, sender)
		sender.Reset()
		began := time.Now()
		awaitHungUp(t, "what it has reset", receiver)
		// A few looks of the program's, a second from each other at most.
		if after := time.Since(began); after > 5*time.Second {
			t.Errorf("it was closed %v after the reset", after)
		}
	})
}

// resetsWhileStopped has the program learn of a reset before it has read what came ahead of
// it, when it holds nothing, and the other side has room for nothing.
func resetsWhileStopped(t *testing.T, p *harness.Program, workers string) {
	for _, row := range []stuckPair{
		{toTarget, pair{harness.TCP4, harness.Unix}},
		{toClient, pair{harness.Unix, harness.TCP4}},
	} {
		t.Run(row.String(), func(t *testing.T) {
			script, accepted := harness.Hand()
			target := harness.Serve(t, row.pair.to, script)
			proxy := harness.StartProxy(t, p, row.pair.from, target.Target(), workers)
			sender, receiver := row.by.ends(join(t, proxy, accepted))
			fits := 0
			for passPiece(sender, receiver, settle) {
				fits++
			}
			sender, receiver = row.by.ends(join(t, proxy, accepted))
			for range fits {
				if !passPiece(sender, receiver, harness.Patience) {
					t.Fatalf("less than %d pieces fit this time", fits)
				}
			}
			proxy.Pause()
			sender.Send(make([]byte, piece))
			sender.AwaitDelivered()
			sender.Reset()
			proxy.Signal(syscall.SIGCONT)
			awaitHungUp(t, "what it has reset", receiver)
		})
	}
}

// piece is what a passPiece sends.
const piece = 8 << 10

// passPiece sends a piece, and reports whether all of it has arrived within a time.
func passPiece(sender, receiver *harness.Conn, within time.Duration) bool {
	before := receiver.Readable()
	sender.Send(make([]byte, piece))
	for until := time.Now().Add(within); time.Now().Before(until); time.Sleep(100 * time.Microsecond) {
		if receiver.Readable() == before+piece {
			return true
		}
	}
	return false
}

// fillUp sends until nothing is taken any more.
func fillUp(t *testing.T, c *harness.Conn) (sent int64) {
	t.Helper()
	pattern := harness.NewPattern(harness.Seed(t), 0)
	for {
		before := sent
		c.SetWriteDeadline(time.Now().Add(3 * settle))
		if err := pattern.SendTo(c, 1<<40, func(n int) { sent += int64(n) }); err == nil || sent == before {
			c.SetWriteDeadline(time.Time{})
			return sent
		}
	}
}

func keepaliveHalfClosed(t *testing.T, p *harness.Program, workers string) {
	n := network.New(t, "forgetful")
	n.Sysctl(t, "ipv4/tcp_fin_timeout", "1") // after which the client's kernel knows nothing of it
	n.Do(t, func() {
		script, accepted := harness.Hand()
		target := harness.Serve(t, harness.TCP4, script)
		proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), workers, "--keepalive=1s")
		client, far := join(t, proxy, accepted)
		client.Close()
		far.ExpectEnd()
		awaitReset(t, "the target", far)
	})
}
