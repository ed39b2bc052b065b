package systemd

import (
	"sync/atomic"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

var watchdogCases = []Case{
	{
		Name:   "watchdog/stopped",
		Shows:  "systemd restarts a proxy that hangs (WatchdogSec=), and the new one serves",
		Setups: allSetups,
		Run:    watchdogStopped,
	},
	{
		Name:   "watchdog/under-load",
		Shows:  "systemd does not restart a proxy that is busy",
		Setups: allSetups,
		Run:    watchdogUnderLoad,
	},
}

// watch puts the proxy under a watchdog.
func (m *Machine) watch() {
	m.DropIn(proxyService, "watchdog", "[Service]\nWatchdogSec=2s\nRestart=on-failure\nRestartSec=0")
}

func watchdogStopped(t *testing.T, m *Machine) {
	m.watch()
	m.Start()
	m.Fetch()
	old := m.MainPID()
	m.Suspend()
	m.Await(proxyService, "Watchdog timeout")
	m.AwaitProperty(proxyService, "NRestarts", "1")
	figures.Count("restarts", 1)
	m.AwaitProperty(proxyService, "ActiveState", "active")
	if pid := m.MainPID(); pid == old || pid == 0 {
		t.Errorf("the main process is %d, before it was %d", pid, old)
	}
	m.Fetch()
}

func watchdogUnderLoad(t *testing.T, m *Machine) {
	m.watch()
	m.Target(harness.Echo)
	m.Start()
	pid := m.MainPID()
	conn, err := m.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var echoed atomic.Int64
	go func() { _ = harness.NewPattern(1, 1).SendTo(conn, 1<<50, nil) }()
	go func() {
		buffer := make([]byte, 1<<20)
		for {
			n, err := conn.Read(buffer)
			echoed.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	// Eight keep-alives are four times what systemd waits for.
	last := ""
	for range 8 {
		before := echoed.Load()
		harness.Until(t, "the next keep-alive, and bytes to flow", func() bool {
			now := m.Property(proxyService, "WatchdogTimestampMonotonic")
			return now != last && echoed.Load() > before
		})
		last = m.Property(proxyService, "WatchdogTimestampMonotonic")
	}
	m.AwaitProperty(proxyService, "ActiveState", "active")
	m.Want(proxyService, "NRestarts=0")
	if now := m.MainPID(); now != pid {
		t.Errorf("the main process is %d, before it was %d", now, pid)
	}
	m.wantEngine()
	if m.journal.count("Watchdog timeout") > 0 {
		t.Error("systemd has seen a watchdog timeout")
	}
}
