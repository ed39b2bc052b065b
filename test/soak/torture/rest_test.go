package torture

import (
	"slices"
	"strings"
	"syscall"
	"time"

	"uring-socket-proxyd/test/harness"
)

// openedOnce is how many descriptors the Go runtime opens when they are first needed.
const openedOnce = 4

// end waits until the proxy has given everything back, and ends it.
func (s *stage) end() {
	var now harness.OpenFiles
	for until := s.clock.now + standsStill; s.clock.now < until; time.Sleep(tick / 2) {
		s.clock.tick()
		if now = s.process.OpenFiles(); len(now.Sockets) <= len(s.rest.Sockets) && now.Others <= s.rest.Others+openedOnce {
			break
		}
	}
	for _, inode := range now.Sockets {
		if !slices.Contains(s.rest.Sockets, inode) {
			s.violated(violationKept, nil, "%s", socketOf(inode))
		}
	}
	if now.Others > s.rest.Others+openedOnce {
		s.violated(violationKept, nil, "%d other descriptors, %d at first", now.Others, s.rest.Others)
	}
	s.process.Signal(syscall.SIGTERM)
	if status := s.process.AwaitExit(); status != "exit status 0" {
		s.violated(violationProcess, nil, "it ended with %s", status)
	}
	for _, line := range s.process.Lines() {
		if !s.harmless(line) {
			s.violated(violationProcess, nil, "it wrote %q", line)
		}
	}
	s.say("%v", &s.account)
}

// harmless tells whether the proxy may write a line: that a client has sent no header,
// as those do that leave at once.
func (s *stage) harmless(line string) bool {
	return s.setting.headers && strings.HasPrefix(line, "no PROXY header that can be used")
}
