package faults

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// moveClock is the need for a clock that may be moved: that of a machine that nobody
// else uses.
func moveClock() string {
	if os.Getenv("TEST_CLOCK") != "yes" {
		return "moves the machine's clock: set TEST_CLOCK=yes where that harms nobody"
	}
	return ""
}

var clockCases = []Case{
	{
		Name:  "clock/jumps",
		Shows: "when the clock jumps by a day, forth and back, connections go on, the program does not take itself for idle, and a drain lasts as long as it should",
		Needs: []need{root, moveClock},
		Alone: true,
		Run:   clockJumps,
	},
}

func clockJumps(t *testing.T, p *harness.Program) {
	const day = 24 * time.Hour
	s := draining(t, p, "1h", setting{options: harness.Options{Args: []string{"--exit-idle-time=12h"}}})
	jumped := time.Duration(0)
	jump := func(by time.Duration) {
		injected(1)
		now := time.Now().Add(by)
		spec := unix.NsecToTimespec(now.UnixNano())
		if err := unix.ClockSettime(unix.CLOCK_REALTIME, &spec); err != nil {
			t.Skipf("the clock cannot be moved: %v", err)
		}
		jumped += by
	}
	defer func() { jump(-jumped) }()
	for _, by := range []time.Duration{day, -2 * day, day} {
		jump(by)
		s.progress("after the clock has jumped")
		c := s.dial()
		c.Send([]byte{kindEcho, '?'})
		c.ExpectText("?")
	}
	s.clear()
	s.drain()
	jump(day)
	s.progress("while it drains")
	s.leave()
	s.endsWell()
}
