package torture

import (
	"slices"
	"strings"
	"syscall"
	"time"

	"uring-socket-proxyd/test/lib/harness"
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
	s.judgeKept(now.Sockets)
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

// judgeKept judges the sockets that the proxy has at the end. It may keep those whose peer
// has gone without its kernel knowing, and for each of them the one at the other side.
func (s *stage) judgeKept(sockets []string) {
	forsaken := forsaken()
	var others []string
	excused := 0
	for _, inode := range sockets {
		switch {
		case slices.Contains(s.rest.Sockets, inode):
		case slices.Contains(forsaken, inode):
			excused++
		default:
			others = append(others, inode)
		}
	}
	s.account.forsaken = excused
	if len(others) > excused {
		for _, inode := range others {
			s.violated(violationKept, nil, "%s", socketOf(inode))
		}
	}
}

// harmless reports whether the proxy may write a line: that a client has sent no header,
// as those do that leave at once.
func (s *stage) harmless(line string) bool {
	return s.setting.headers && strings.HasPrefix(line, "no usable PROXY header")
}
