package torture

import (
	"syscall"
	"time"

	"uring-socket-proxyd/test/lib/figures"
)

// The process is stopped now and then, as by a debugger, a frozen control group or a
// machine that is paused: what happens meanwhile comes to it all at once.

const (
	stopsEvery   = 1500 * time.Millisecond
	shortestStop = 50 * time.Millisecond
	longestStop  = time.Second
)

// stopLater stops the process in a while.
func (s *stage) stopLater() {
	d := dice{s.random}
	s.loop.after(d.time(stopsEvery/20, 2*stopsEvery), func() {
		if s.ending {
			return
		}
		s.clock.tick()
		s.process.Signal(syscall.SIGSTOP)
		s.clock.stopped = true
		s.account.stops++
		figures.Count("faults", 1)
		s.loop.after(d.time(shortestStop, longestStop), func() {
			s.goOn()
			s.stopLater()
		})
	})
}

// goOn has a process go on that is stopped.
func (s *stage) goOn() {
	if s.clock.stopped {
		s.clock.tick()
		s.process.Signal(syscall.SIGCONT)
		s.clock.stopped = false
	}
}
