package soak

import (
	"math/rand/v2"
	"syscall"
	"time"
)

// signalStorm sends signals that mean nothing to the proxy.
func signalStorm(s *stage, random *rand.Rand) (int, error) {
	ignored := []syscall.Signal{syscall.SIGPIPE, syscall.SIGURG, syscall.SIGCHLD, syscall.SIGWINCH, syscall.SIGCONT}
	n := 1 + random.IntN(500)
	for range n {
		if err := syscall.Kill(s.proxy.PID(), ignored[random.IntN(len(ignored))]); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// stopProcess stops the proxy's process and lets it go on, as a debugger or a frozen
// control group does.
func stopProcess(s *stage, random *rand.Rand) (int, error) {
	if err := syscall.Kill(s.proxy.PID(), syscall.SIGSTOP); err != nil {
		return 0, err
	}
	stopped := s.until("the process to stop", s.proxy.Stopped)
	s.pause(time.Duration(random.Int64N(int64(time.Second))))
	if err := syscall.Kill(s.proxy.PID(), syscall.SIGCONT); err != nil {
		return 0, err
	}
	return 1, stopped
}
