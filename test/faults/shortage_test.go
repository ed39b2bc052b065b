package faults

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// Cases in which descriptors are short, and who may have them.
var shortageCases = []Case{
	{
		Name:  "shortage/streams-that-stand",
		Shows: "streams that stand still leave the descriptors that the program keeps for itself, and those of connections to come: WATCHDOG=1 is sent on, and clients up to the limit are served",
		Run: func(t *testing.T, p *harness.Program) {
			for _, row := range standings {
				t.Run(row.name, func(t *testing.T) {
					t.Parallel()
					streamsThatStand(t, p, row)
				})
			}
		},
	},
	{
		Name:  "shortage/of-workers",
		Shows: "8 workers serve as many clients as one with the same few descriptors",
		Run:   shortageOfWorkers,
	},
	{
		Name:  "shortage/alone",
		Shows: "a client that waits for a descriptor which nobody can give back is given up when it leaves, and --exit-idle-time= ends the program",
		Run:   shortageAlone,
	},
}

// standing is when the clients come that send no stream: before those that do, or later.
type standing struct {
	name        string
	workers     string
	descriptors int // two for each connection; the rest is what the program may want for itself
	later       bool
}

var standings = []standing{
	{"others before", "--workers=1", 128, false},
	{"others later", "--workers=1", 128, true},
	{"others before, 3 workers", "--workers=3", 140, false},
	{"others later, 3 workers", "--workers=3", 140, true},
}

func streamsThatStand(t *testing.T, p *harness.Program, row standing) {
	const limit, streams, beats = 50, 25, 6
	p = under(t, p, fmt.Sprintf("ulimit -n %d", row.descriptors))
	target := harness.ServeOn(t, harness.Listen(t, harness.TCP4, harness.SocketOptions{ReceiveBuffer: 4096}), func(c *harness.Conn) {
		kind := make([]byte, 1)
		if _, err := io.ReadFull(c, kind); err == nil && kind[0] == kindEcho {
			harness.Echo(c)
			return
		}
		<-t.Context().Done() // it reads nothing
	})
	notify := harness.NewNotify(t)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{fmt.Sprintf("-c%d", limit), row.workers, target.Target()},
		Env:  []string{notify.Environment(), "WATCHDOG_USEC=200000"},
		PIDs: []string{"WATCHDOG_PID"},
	})
	notify.Await(t, "WATCHDOG=1")
	others := func() {
		for range limit - streams {
			client := proxy.Dial(t)
			client.SetReadDeadline(time.Now().Add(harness.Patience))
			client.Send([]byte{kindEcho, '?'})
			if client.ExpectText("?"); t.Failed() {
				t.FailNow() // the next ones will not fare better
			}
		}
	}
	if !row.later {
		others()
	}
	var taken atomic.Int64
	for range streams {
		injected(1)
		client := proxy.Dial(t)
		client.Send([]byte{kindHand})
		go func() { // it ends with the test
			_ = harness.NewPattern(1, 1).SendTo(client.Conn, endless, func(n int) { taken.Add(int64(n)) })
		}()
	}
	harness.Settled(t, "the streams", taken.Load, 2*stuckAfter)
	notify.Pending()
	for range beats {
		notify.Await(t, "WATCHDOG=1")
	}
	if row.later {
		others()
	}
}

func shortageOfWorkers(t *testing.T, p *harness.Program) {
	one, eight := servedWith(t, p, "--workers=1"), servedWith(t, p, "--workers=8")
	t.Logf("served by one worker: %d, by eight: %d", one, eight)
	if one < 70 || eight < one*85/100 {
		t.Errorf("served by one worker: %d, by eight: %d", one, eight)
	}
}

// servedWith has more clients wait for a program, when it starts, than it has descriptors
// for, and tells how many it serves. They stay.
func servedWith(t *testing.T, p *harness.Program, workers string) int64 {
	const clients = 300
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	var served atomic.Int64
	var all []net.Conn
	for range clients {
		injected(1)
		c, err := harness.TryDial(l.Address, harness.SocketOptions{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		go func() {
			_, _ = c.Write([]byte("?"))
			if n, _ := c.Read(make([]byte, 1)); n == 1 {
				served.Add(1)
			}
		}()
	}
	process := harness.Start(t, under(t, p, "ulimit -n 200"), harness.Options{
		Listeners: []*harness.Listener{l}, Args: []string{"-c5000", workers, target.Target()},
	})
	harness.Until(t, "clients to be served", func() bool { return served.Load() > 0 })
	n := harness.Settled(t, "how many are served", served.Load, time.Second)
	for _, c := range all {
		c.Close()
	}
	process.Signal(unix.SIGTERM)
	process.AwaitExit()
	return n
}

func shortageAlone(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{"--exit-idle-time=300ms", target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	proxy.AwaitLine("^forwarding: ")
	before := proxy.Descriptors()
	free := firstFree(t, proxy.PID())
	injected(1)
	var usual unix.Rlimit
	if err := unix.Prlimit(proxy.PID(), unix.RLIMIT_NOFILE, nil, &usual); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(proxy.PID(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: free + 1, Max: usual.Max}, nil); err != nil {
		t.Fatal(err)
	}
	client := proxy.Dial(t)
	harness.Until(t, "the client to be accepted", func() bool { return proxy.Descriptors() > before })
	harness.Stays(t, "the client waits", 2*stuckAfter, func() bool { return proxy.Running() && client.Readable() == 0 })
	client.Close()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
}

// firstFree is the number that a program's next descriptor gets.
func firstFree(t *testing.T, pid int) (fd uint64) {
	t.Helper()
	for {
		_, err := os.Lstat("/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.FormatUint(fd, 10))
		if os.IsNotExist(err) {
			return fd
		} else if err != nil {
			t.Fatal(err)
		}
		fd++
	}
}
