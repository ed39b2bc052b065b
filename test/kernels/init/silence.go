package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// silence calls hung if note is not called for as long as that.
type silence struct {
	mu    sync.Mutex
	timer *time.Timer
	limit time.Duration
}

func newSilence(limit time.Duration, hung func()) *silence {
	return &silence{timer: time.AfterFunc(limit, hung), limit: limit}
}

// note tells that something was heard.
func (s *silence) note() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer.Stop() { // otherwise it has been called, which is done once
		s.timer.Reset(s.limit)
	}
}

// end has hung not called any more.
func (s *silence) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
}

// dump has the kernel write to its console which threads it blocks and what each
// processor does, and a suite where its goroutines are, which ends it.
func dump(suite *os.Process) {
	for _, request := range []string{"w", "l"} { // Documentation/admin-guide/sysrq.rst
		if err := os.WriteFile("/proc/sysrq-trigger", []byte(request), 0); err != nil {
			fmt.Println("init: sysrq:", err)
		}
	}
	if err := suite.Signal(unix.SIGQUIT); err != nil {
		fmt.Println("init: ending the suite:", err)
	}
}
