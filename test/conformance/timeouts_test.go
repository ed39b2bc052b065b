package conformance

import (
	"io"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

var timeoutCases = []Case{
	{
		Name:   "timeout/idle",
		Shows:  "--idle-timeout= resets both sides of a connection on which nothing moves, and no other",
		Except: notOriginal("no --idle-timeout="),
		Run:    idleTimeout,
	},
	{
		Name:   "timeout/idle-stuck",
		Shows:  "--idle-timeout= resets a stream whose receiver takes nothing",
		Except: notOriginal("no --idle-timeout="),
		Run:    idleTimeoutStuck,
	},
	{
		Name:   "timeout/connect",
		Shows:  "--connect-timeout= gives up a target that does not answer, and the client is closed",
		Except: notOriginal("no --connect-timeout="),
		Run:    connectTimeout,
	},
	{
		Name:   "timeout/many",
		Shows:  "1,000 connections with time limits each end at their own",
		Except: notOriginal("no --idle-timeout="),
		Alone:  true,
		Run:    manyTimeouts,
	},
	{
		Name:   "timeout/in-turn",
		Shows:  "connections that come one after another each end at their own limit, not at that of a later one",
		Except: notOriginal("no --idle-timeout="),
		Run:    timeoutsInTurn,
	},
	{
		Name:   "timeout/longest",
		Shows:  "times of 292 years and more, which do not fit in a count of nanoseconds, are handled correctly",
		Except: notOriginal("no such options"),
		Run:    longestTimes,
	},
	{
		Name:   "timeout/bad-values",
		Shows:  "invalid times are refused at start, with the reason",
		Except: notOriginal("no such options"),
		Run:    badTimes,
	},
	{
		Name:   "keepalive/both-sides",
		Shows:  "--keepalive= sets keepalive on both sides of a connection, and no user timeout, which ends a window that stays shut",
		Except: notOriginal("no --keepalive="),
		Run:    keepaliveOptions,
	},
}

func idleTimeout(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--idle-timeout=3s")
	busy, busyFar := join(t, proxy, accepted)
	began := time.Now()
	idle, idleFar := join(t, proxy, accepted)
	over := make(chan struct{})
	go func() {
		defer close(over)
		idle.ExpectReset()
		if after := time.Since(began); after < 3*time.Second {
			t.Errorf("reset after %v already", after)
		}
		idleFar.ExpectReset()
	}()
	for moving := true; moving; {
		select {
		case <-over:
			moving = false
		case <-time.After(50 * time.Millisecond): // well within the limit
		}
		busy.SendText("x")
		busyFar.ExpectText("x")
	}
	proxy.AwaitLine(`idle timeout.*idle-timeout=3s`)
	busyFar.SendText("still here")
	busy.ExpectText("still here")
}

func idleTimeoutStuck(t *testing.T, p *harness.Program) {
	ended := make(chan error, 1)
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		ended <- harness.NewPattern(1, 1).SendTo(c, 1<<40, nil)
	})
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--idle-timeout=500ms")
	client := harness.DialWith(t, proxy.Address, harness.SocketOptions{ReceiveBuffer: 4096})
	if err := <-ended; err == nil {
		t.Error("the target could send all of it")
	}
	if _, err := io.Copy(io.Discard, client); err == nil {
		t.Error("the stream looks complete to the client")
	}
}

func connectTimeout(t *testing.T, p *harness.Program) {
	path := filepath.Join(harness.ShortDir(t), "stuck")
	harness.ListenNarrow(t, harness.Address{Transport: harness.Unix, Network: "unix", Text: path}, 1)
	proxy := harness.StartProxy(t, p, harness.TCP4, path, "--connect-timeout=300ms")
	began := time.Now()
	for range 4 { // more than the queue takes
		client := proxy.Dial(t)
		client.SendText("hello")
		go func() { _, _ = io.Copy(io.Discard, client) }()
	}
	proxy.AwaitLine(`cannot reach the target.*timed out`)
	if after := time.Since(began); after < 300*time.Millisecond {
		t.Errorf("given up after %v already", after)
	}
}

func manyTimeouts(t *testing.T, p *harness.Program) {
	const connections = 1000
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	proxy := harness.StartProxy(t, p.Plain(), harness.Unix, target.Target(), "-c2000", "--idle-timeout=1s")
	for range connections {
		client, _ := join(t, proxy, accepted)
		defer client.ExpectGone()
	}
}

func timeoutsInTurn(t *testing.T, p *harness.Program) {
	for _, limit := range []time.Duration{500 * time.Millisecond, 2 * time.Second} {
		if endInTurn(t, p, limit) {
			return
		}
	}
	t.Error("connections have ended later than at their limit")
}

// endInTurn has connections follow each other by a part of their limit, so that their
// alarms lie apart. It reports false if one ended late, as it may where the machine takes
// as long as the limit to tell.
func endInTurn(t *testing.T, p *harness.Program, limit time.Duration) bool {
	const connections = 150
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--idle-timeout="+limit.String())
	took := make(chan time.Duration, connections)
	for range connections {
		began := time.Now()
		c := harness.DialUntilReset(t, proxy.Address)
		go func() {
			if c != nil {
				c.ExpectReset()
			}
			took <- time.Since(began)
		}()
		<-time.After(limit / 45)
	}
	inTime := true
	for range connections {
		after := <-took
		if after < limit {
			t.Errorf("reset after %v, want %v", after, limit)
		}
		// An eighth of its time late at most, and as much as the limit for the machine.
		if after > limit*9/8+limit {
			t.Logf("reset after %v, want %v", after, limit)
			inTime = false
		}
	}
	return inTime
}

func longestTimes(t *testing.T, p *harness.Program) {
	for _, span := range []string{"292y", "293y", "9223372036854775807us", "584541y"} {
		notify := harness.NewNotify(t)
		target := harness.Serve(t, harness.TCP4, harness.Echo)
		var args []string
		for _, option := range []string{"--idle-timeout=", "--connect-timeout=", "--connect-retry=", "--exit-idle-time=", "--drain-timeout="} {
			args = append(args, option+span)
		}
		proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: append(args, target.Target()), Env: []string{notify.Environment()}})
		echoOnce(t, proxy) // and the idle clock runs
		held := proxy.Dial(t)
		held.SendText("hello")
		held.ExpectText("hello")
		proxy.Signal(syscall.SIGTERM)
		notify.Await(t, "STOPPING=1")
		notify.AwaitPrefix(t, "EXTEND_TIMEOUT_USEC=92")
		held.SendText("still here")
		held.ExpectText("still here")
		held.EndWriting()
		held.ExpectEnd()
		wantExit(t, p, proxy.Process, "")
	}
}

func badTimes(t *testing.T, p *harness.Program) {
	for _, option := range []string{"--idle-timeout=0", "--connect-timeout=soon", "--keepalive=1500ms", "--keepalive=10h", "--connect-retry=-1"} {
		process := harness.Start(t, p, harness.Options{Args: []string{"--listen=127.0.0.1:0", option, "127.0.0.1:1"}, MayFail: true})
		if status := process.AwaitExit(); status != "exit status 1" {
			t.Errorf("%s: %s", option, status)
		}
		if lines := process.Lines(); len(lines) != 1 {
			t.Errorf("%s: it wrote %q", option, lines)
		}
	}
}

// keepaliveOptions looks at the proxy's own sockets, by copies of its descriptors.
func keepaliveOptions(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--keepalive=7s")
	join(t, proxy, accepted)
	connected := 0
	eachConnected(t, proxy.Process, func(fd int, _ string) {
		connected++
		for option, want := range map[int]int{unix.TCP_KEEPIDLE: 7, unix.TCP_KEEPINTVL: 7, unix.TCP_KEEPCNT: 3, unix.TCP_USER_TIMEOUT: 0} {
			if got, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, option); err != nil || got != want {
				t.Errorf("TCP option %d is %d, want %d (%v)", option, got, want, err)
			}
		}
		if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE); err != nil || on != 1 {
			t.Errorf("SO_KEEPALIVE is %d (%v)", on, err)
		}
	})
	if connected != 2 {
		t.Errorf("found %d connected sockets, want 2", connected)
	}
}
