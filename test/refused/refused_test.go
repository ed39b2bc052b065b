// Package refused runs the proxy where io_uring is refused, by seccomp filters like those
// of container runtimes, and by the sysctl. Traffic must flow nevertheless, with one line
// in the log that says why, and a program told to use io_uring must fail with that line.
package refused

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) {
	if action := os.Getenv(filterVariable); action != "" {
		becomeFiltered(action, os.Args[1:])
	}
	os.Exit(harness.Main(m))
}

func TestSeccompFilter(t *testing.T) {
	for name, errno := range map[string]unix.Errno{"EPERM": unix.EPERM, "ENOSYS": unix.ENOSYS} {
		t.Run(name, func(t *testing.T) {
			program := filtered(errno)
			fallsBack(t, program, "seccomp filter")
			failsWhenAsked(t, program, "seccomp filter")
		})
	}
}

// TestDeadlyFilter has filters that do not refuse io_uring but kill the caller, as
// SystemCallFilter= of a unit does by itself.
func TestDeadlyFilter(t *testing.T) {
	for name, action := range map[string]uint32{
		"process": unix.SECCOMP_RET_KILL_PROCESS,
		"thread":  unix.SECCOMP_RET_KILL_THREAD,
		"trap":    unix.SECCOMP_RET_TRAP,
	} {
		t.Run(name, func(t *testing.T) {
			program := underFilter(action)
			const reason = "would kill the program for io_uring_setup; allow"
			fallsBack(t, program, reason)
			failsWhenAsked(t, program, reason)
			if answer := probe(t, program); answer.Engine != "epoll" || !strings.Contains(answer.Reason, "SystemCallErrorNumber=") {
				t.Errorf("--probe says that it takes %q because of %q", answer.Engine, answer.Reason)
			}
		})
	}
}

// TestSysctl changes a setting of the whole machine for a moment, which would
// hinder other tests that run meanwhile; make test runs it by itself.
func TestSysctl(t *testing.T) {
	const path = "/proc/sys/kernel/io_uring_disabled"
	if os.Getenv("TEST_SYSCTL") == "" {
		t.Skip("TEST_SYSCTL is not set: this changes " + path)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("this kernel (before 6.6) has no such setting: %v", err)
	}
	if err := os.WriteFile(path, []byte("2"), 0); err != nil {
		t.Skipf("cannot change the setting: %v", err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, before, 0); err != nil {
			t.Errorf("%s is left at 2: %v", path, err)
		}
	})
	auto := &harness.Program{Name: "auto", Graceful: true, Find: harness.Uring.Find}
	fallsBack(t, auto, "kernel.io_uring_disabled=2")
	failsWhenAsked(t, auto, "kernel.io_uring_disabled=2")
}

// fallsBack checks that traffic flows and that the reason is logged once.
func fallsBack(t *testing.T, program *harness.Program, reason string) {
	t.Helper()
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, program, harness.TCP4, target.Target())
	line := proxy.AwaitLine("epoll")
	if !strings.Contains(line, reason) {
		t.Errorf("the line %q does not name the reason, %s", line, reason)
	}
	for range 3 {
		client := proxy.Dial(t)
		client.SendText("through epoll")
		client.ExpectText("through epoll")
	}
	if lines := proxy.Lines(); len(lines) != 1 {
		t.Errorf("%d lines were logged, not 1:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

// failsWhenAsked checks that --engine=uring does not fall back.
func failsWhenAsked(t *testing.T, program *harness.Program, reason string) {
	t.Helper()
	process := harness.Start(t, program, harness.Options{
		Args:      []string{"--engine=uring", "127.0.0.1:1"},
		Listeners: []*harness.Listener{harness.Listen(t, harness.TCP4, harness.SocketOptions{})},
		MayFail:   true,
	})
	if status := process.AwaitExit(); status != "exit status 1" {
		t.Errorf("ended with %q", status)
	}
	lines := process.Lines()
	if len(lines) != 1 || !strings.Contains(lines[0], reason) || !strings.Contains(lines[0], "--engine=uring") {
		t.Errorf("logged %q, want one line with the option and the reason, %s", lines, reason)
	}
}
