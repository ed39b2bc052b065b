package torture

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// descriptors are the proxy's open files, by sort.
type descriptors struct {
	sockets map[string]bool // by inode
	others  int             // without the ends of pipes, which are kept for later
}

func (s *stage) descriptors() descriptors {
	d := descriptors{sockets: make(map[string]bool)}
	directory := fmt.Sprintf("/proc/%d/fd/", s.process.PID())
	entries, err := os.ReadDir(directory)
	if err != nil {
		s.fatal("the process is gone: %v", err)
	}
	for _, entry := range entries {
		link, err := os.Readlink(directory + entry.Name())
		inode, socket := strings.CutPrefix(link, "socket:[")
		switch {
		case err != nil, strings.HasPrefix(link, "pipe:"):
		case socket:
			d.sockets[strings.TrimSuffix(inode, "]")] = true
		default:
			d.others++
		}
	}
	return d
}

// openedOnce is how many descriptors the Go runtime opens when they are first needed.
const openedOnce = 4

// end waits until the proxy has given everything back, and ends it.
func (s *stage) end() {
	var now descriptors
	for until := s.clock.now + standsStill; s.clock.now < until; time.Sleep(tick / 2) {
		s.clock.tick()
		if now = s.descriptors(); len(now.sockets) <= len(s.rest.sockets) && now.others <= s.rest.others+openedOnce {
			break
		}
	}
	for inode := range now.sockets {
		if !s.rest.sockets[inode] {
			s.violated(violationKept, nil, "%s", s.socketOf(inode))
		}
	}
	if now.others > s.rest.others+openedOnce {
		s.violated(violationKept, nil, "%d other descriptors, %d at first", now.others, s.rest.others)
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
	fmt.Printf("%-20s %v\n", s.setting.name, &s.account)
}

// harmless tells whether the proxy may write a line: that a client has sent no header,
// as those do that leave at once.
func (s *stage) harmless(line string) bool {
	return s.setting.headers && strings.HasPrefix(line, "no PROXY header that can be used")
}

// socketOf is what the kernel tells of a socket.
func (s *stage) socketOf(inode string) string {
	for _, family := range []string{"tcp", "unix"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + family)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			for _, field := range strings.Fields(line) {
				if field == inode {
					return family + ": " + strings.TrimSpace(line)
				}
			}
		}
	}
	return "a socket with inode " + inode
}
