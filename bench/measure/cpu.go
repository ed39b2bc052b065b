package measure

import (
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of times in /proc/PID/stat: user space sees 100 Hz on all
// architectures that Go and systemd have in common.
const tick = 10 * time.Millisecond

// CPU returns the processor time, user and system, that a session has used: all its
// processes with all their threads, including those that have ended, and children
// that ended. It is exact for running processes, and to a tick for each parent of
// ended children.
//
// A child that ends after its parent was read, and before it is read itself, is
// missed by one reading but not by the next: the larger of two is right.
func CPU(session int) (time.Duration, error) {
	first, err := look(session)
	if err != nil {
		return 0, err
	}
	second, err := look(session)
	return max(first, second), err
}

func look(session int) (time.Duration, error) {
	processes, err := members(session)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, m := range processes {
		var used unix.Timespec
		if err := unix.ClockGettime(processClock(m.pid), &used); err != nil {
			continue // it has just ended: its parent will show its time
		}
		sum += time.Duration(used.Nano()) + time.Duration(m.childrenTicks)*tick
	}
	return sum, nil
}

// processClock returns the clock of all threads of a process, as clock_getcpuclockid(3)
// makes it. It counts nanoseconds, where /proc/PID/stat counts ticks.
func processClock(pid int) int32 {
	const scheduled = 2 // CPUCLOCK_SCHED: user and system time
	return int32(^pid<<3 | scheduled)
}
