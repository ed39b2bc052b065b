package conformance

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var notifyCases = []Case{
	{
		Name:   "notify/ready-and-stopping",
		Shows:  "READY=1 is sent once connections are accepted, STOPPING=1 when shutdown begins",
		Except: either(older("it sends neither"), newer("it sends READY=1; a signal ends it without STOPPING=1")),
		Run:    notifyLifecycle,
	},
	{
		Name:   "notify/stopping-when-idle",
		Shows:  "STOPPING=1 is also sent before an exit when idle",
		Except: older("it sends none"),
		Run:    notifyIdle,
	},
	{
		Name:  "notify/not-ready-when-refused",
		Shows: "a program that cannot start sends no READY=1",
		Run:   notifyNotReady,
	},
	{
		Name:  "watchdog/idle",
		Shows: "with $WATCHDOG_USEC, WATCHDOG=1 is sent regularly even without a connection",
		Run:   watchdogIdle,
	},
	{
		Name:  "watchdog/under-load",
		Shows: "WATCHDOG=1 is still sent while bytes flow as fast as they can",
		Run:   watchdogUnderLoad,
	},
	{
		Name:  "watchdog/stopped",
		Shows: "a program that hangs sends no WATCHDOG=1, and resumes when it goes on",
		Run:   watchdogStopped,
	},
	{
		Name:  "watchdog/of-another",
		Shows: "a $WATCHDOG_PID of another process turns the watchdog off",
		Run:   watchdogOfAnother,
	},
}

// watchdogInterval is what the service manager asks for: at least one message in
// each.
const watchdogInterval = 200 * time.Millisecond

const watchdogVariable = "WATCHDOG_USEC=200000"

func notifyLifecycle(t *testing.T, p *harness.Program) {
	notify := harness.NewNotify(t)
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{target.Target()}, Env: []string{notify.Environment()},
	})
	if p != harness.Original {
		notify.Await(t, "READY=1")
	}
	echoOnce(t, proxy)
	if early := notify.Pending(); len(early) > 0 && !slices.Equal(early, newestReady(p)) {
		t.Errorf("sent %q while serving", early)
	}
	proxy.Signal(syscall.SIGTERM)
	if p.IsOurs() {
		notify.Await(t, "STOPPING=1")
	}
	wantExit(t, p, proxy.Process, "signal: terminated")
	if late := notify.Pending(); len(late) > 0 {
		t.Errorf("sent %q at the end", late)
	}
}

func notifyIdle(t *testing.T, p *harness.Program) {
	notify := harness.NewNotify(t)
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{idleOption, target.Target()}, Env: []string{notify.Environment()},
	})
	if p == harness.Original {
		echoOnce(t, proxy)
		wantExit(t, p, proxy.Process, "exit status 0")
		if sent := notify.Pending(); len(sent) > 0 {
			t.Errorf("sent %q", sent)
		}
		return
	}
	notify.Await(t, "READY=1")
	echoOnce(t, proxy)
	notify.Await(t, "STOPPING=1")
	wantExit(t, p, proxy.Process, "exit status 0")
}

// newestReady is what the newest original says in the same message as READY=1.
func newestReady(p *harness.Program) []string {
	if p == harness.Newest {
		return []string{"STATUS=Processing requests..."}
	}
	return nil
}

func notifyNotReady(t *testing.T, p *harness.Program) {
	notify := harness.NewNotify(t)
	process := harness.Start(t, p, harness.Options{
		Args: []string{"127.0.0.1:9"}, Env: []string{notify.Environment()}, MayFail: true,
	})
	if status := process.AwaitExit(); status != "exit status 1" {
		t.Errorf("ended with %s", status)
	}
	for _, message := range notify.Pending() {
		if message == "READY=1" {
			t.Error("READY=1 was sent")
		}
	}
}

// startWatched starts a proxy under a watchdog.
func startWatched(t *testing.T, p *harness.Program, args ...string) (*harness.Proxy, *harness.Notify) {
	t.Helper()
	notify := harness.NewNotify(t)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: args,
		Env:  []string{notify.Environment(), watchdogVariable},
		PIDs: []string{"WATCHDOG_PID"},
	})
	return proxy, notify
}

func watchdogIdle(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	_, notify := startWatched(t, p, target.Target())
	for range 6 {
		notify.Await(t, "WATCHDOG=1")
	}
}

func watchdogUnderLoad(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy, notify := startWatched(t, p, target.Target())
	watchedUnderLoad(t, proxy, notify)
}

// watchedUnderLoad awaits messages while bytes flow.
func watchedUnderLoad(t *testing.T, proxy *harness.Proxy, notify *harness.Notify) {
	t.Helper()
	client := proxy.Dial(t)
	go func() { _ = harness.NewPattern(1, 1).SendTo(client.Conn, 1<<40, nil) }()
	buffer := make([]byte, 256<<10)
	read := func() {
		if _, err := client.Read(buffer); err != nil {
			t.Fatal(err)
		}
	}
	read()
	notify.Pending()
	heard := 0
	for end := time.Now().Add(harness.Patience); heard < 6; {
		read()
		for _, message := range notify.Pending() {
			if message == "WATCHDOG=1" {
				heard++
			}
		}
		if time.Now().After(end) {
			t.Fatalf("only %d messages in %v", heard, harness.Patience)
		}
	}
}

func watchdogStopped(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy, notify := startWatched(t, p, target.Target())
	notify.Await(t, "WATCHDOG=1")
	proxy.Pause()
	// What it sent before may still be on its way to us.
	var late []string
	harness.Settled(t, "the notify socket", func() int64 {
		late = append(late, notify.Pending()...)
		return int64(len(late))
	}, 100*time.Millisecond)
	harness.Stays(t, "a stopped program is silent", 3*watchdogInterval, func() bool { return len(notify.Pending()) == 0 })
	proxy.Signal(syscall.SIGCONT)
	for range 3 {
		notify.Await(t, "WATCHDOG=1")
	}
}

func watchdogOfAnother(t *testing.T, p *harness.Program) {
	notify := harness.NewNotify(t)
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{target.Target()},
		Env:  []string{notify.Environment(), watchdogVariable, "WATCHDOG_PID=1"},
	})
	echoOnce(t, proxy)
	silent := func() bool {
		for _, message := range notify.Pending() {
			if message == "WATCHDOG=1" {
				return false
			}
		}
		return true
	}
	harness.Stays(t, "the watchdog is off", 3*watchdogInterval, silent)
}
