// Package measure reads what a group of processes uses, from /proc and from the kernel's
// counters. The group is a session: a forwarder is started as the leader of one, and its
// children stay in it.
package measure

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// member is a process of a session, as /proc/PID/stat shows it.
type member struct {
	pid           int
	childrenTicks uint64 // processor time of children that ended and were waited for
}

// Fields of /proc/PID/stat, counted from the one after the name; see proc(5).
const (
	statSession      = 6 - 3
	statChildrenUser = 16 - 3
	statChildrenSys  = 17 - 3
)

// members lists the processes of a session.
func members(session int) ([]member, error) {
	directory, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	names, err := directory.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var found []member
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		text, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // it has just ended
		}
		// The name is in parentheses and can contain anything.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) <= statChildrenSys || string(fields[statSession]) != strconv.Itoa(session) {
			continue
		}
		user, err := strconv.ParseUint(string(fields[statChildrenUser]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		system, err := strconv.ParseUint(string(fields[statChildrenSys]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		found = append(found, member{pid: pid, childrenTicks: user + system})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("session %d has no process", session)
	}
	return found, nil
}

// threads lists the thread ids of all the processes.
func threads(processes []member) []int {
	var found []int
	for _, m := range processes {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", m.pid))
		if err != nil {
			continue // it has just ended
		}
		for _, entry := range entries {
			if tid, err := strconv.Atoi(entry.Name()); err == nil {
				found = append(found, tid)
			}
		}
	}
	return found
}
