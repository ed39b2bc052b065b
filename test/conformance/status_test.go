package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var statusCases = []Case{
	{
		Name:   "notify/status",
		Shows:  "STATUS= says how many connections and bytes there are, a few seconds after a change",
		Except: either(notOlder("sends none"), notNewer("its STATUS= has no numbers")),
		Run:    notifyStatus,
	},
	{
		Name:   "notify/status-quiet",
		Shows:  "while nothing changes, no STATUS= is sent, and the program does not wake up",
		Except: either(notOlder("sends none"), notNewer("its STATUS= has no numbers")),
		Run:    notifyStatusQuiet,
	},
	{
		Name:   "notify/status-draining",
		Shows:  "STATUS= is still sent during a drain, and so is WATCHDOG=1",
		Except: notOriginal("no --drain-timeout="),
		Run:    notifyStatusDraining,
	},
}

// statusInterval is how often the program sends it.
const statusInterval = 5 * time.Second

func notifyStatus(t *testing.T, p *harness.Program) {
	notify := harness.NewNotify(t)
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{target.Target()}, Env: []string{notify.Environment()}})
	notify.Await(t, "READY=1")
	client, far := join(t, proxy, accepted)
	notify.Await(t, "STATUS=1 connection now, 1 since the start; 1 B to the target, 1 B to clients")
	far.SendText(strings.Repeat("x", 2047))
	notify.Await(t, "STATUS=1 connection now, 1 since the start; 1 B to the target, 2.0 KiB to clients")
	client.Close()
	far.ExpectGone()
	far.Close()
	notify.Await(t, "STATUS=0 connections now, 1 since the start; 1 B to the target, 2.0 KiB to clients")
	proxy.Signal(syscall.SIGTERM)
	notify.Await(t, "STOPPING=1")
	wantExit(t, p, proxy.Process, "")
	if late := notify.Pending(); len(late) > 0 {
		t.Errorf("sent %q after STOPPING=1", late)
	}
}

func notifyStatusQuiet(t *testing.T, p *harness.Program) {
	p = p.Plain()
	notify := harness.NewNotify(t)
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{target.Target()}, Env: []string{notify.Environment()}})
	held := proxy.Dial(t)
	held.SendText("hello")
	held.ExpectText("hello")
	notify.Await(t, "STATUS=1 connection now, 1 since the start; 5 B to the target, 5 B to clients")
	// It looks once more whether there is anything new.
	harness.Settled(t, "the program", func() int64 { return wakeUps(t, proxy.PID()) }, statusInterval+time.Second)
	notify.Pending()
	const quiet = statusInterval + 2*time.Second
	before := wakeUps(t, proxy.PID())
	harness.Stays(t, "no message", quiet, func() bool { return len(notify.Pending()) == 0 })
	if n := wakeUps(t, proxy.PID()) - before; n > 0 {
		t.Errorf("it woke up %d times in %v", n, quiet)
	}
}

// wakeUps is how often all threads of a process have slept so far.
func wakeUps(t *testing.T, pid int) (n int64) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("no threads of %d (%v)", pid, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(text)) {
			var times int64
			if _, err := fmt.Sscanf(line, "voluntary_ctxt_switches: %d", &times); err == nil {
				n += times
			}
		}
	}
	return n
}

func notifyStatusDraining(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy, notify := startWatched(t, p, "--drain-timeout=1h", target.Target())
	first, firstFar := join(t, proxy, accepted)
	join(t, proxy, accepted)
	proxy.Signal(syscall.SIGTERM)
	notify.Await(t, "STOPPING=1")
	notify.Await(t, "EXTEND_TIMEOUT_USEC=3610000000")
	first.Reset()
	firstFar.ExpectReset()
	notify.Await(t, "STATUS=1 connection now, 2 since the start; 2 B to the target, 2 B to clients")
	notify.Await(t, "WATCHDOG=1")
	proxy.Signal(syscall.SIGTERM)
	wantExit(t, p, proxy.Process, "")
}
