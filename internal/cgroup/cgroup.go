// Package cgroup finds the limits of this process's control groups, such as systemd's
// MemoryMax= and TasksMax= and those of containers: see cgroups(7), and the kernel's
// Documentation/admin-guide/cgroup-v2.rst. A limit that cannot be read counts as none.
package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// root is where systemd and container runtimes mount control groups: those of version 2,
// or a folder for each controller of version 1.
const root = "/sys/fs/cgroup"

// Memory returns the narrowest memory limit, in bytes, that the process shares with others
// in its groups. ok is false if there is none.
func Memory() (bytes uint64, ok bool) {
	eachAbove(func(f folder) {
		for _, file := range []string{"memory.max", "memory.high", "memory.limit_in_bytes"} {
			if limit, limited := f.number(file); limited && limit < unlimited && (!ok || limit < bytes) {
				bytes, ok = limit, true
			}
		}
	}, "memory")
	return bytes, ok
}

// unlimited is about the value of memory.limit_in_bytes if there is no limit: the largest
// whole number of pages.
const unlimited = 1 << 62

// Tasks returns how many more threads the process can start under the narrowest limit. ok
// is false if there is none.
func Tasks() (more uint64, ok bool) {
	eachAbove(func(f folder) {
		limit, limited := f.number("pids.max")
		current, known := f.number("pids.current")
		if !limited || !known {
			return
		}
		if left := max(limit, current) - current; !ok || left < more {
			more, ok = left, true
		}
	}, "pids")
	return more, ok
}

// folder is the folder of a control group.
type folder string

// number reads a file that holds one number; "max" is not one.
func (f folder) number(file string) (n uint64, ok bool) {
	text, err := os.ReadFile(filepath.Join(string(f), file))
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// eachAbove visits the process's group and all groups above it, because each limits it.
func eachAbove(visit func(folder), controller string) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		// hierarchy-ID:controller-list:cgroup-path
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) < 3 {
			continue
		}
		base := root
		switch {
		case fields[1] == "": // version 2 has no list
		case hasWord(fields[1], controller):
			base = filepath.Join(root, controller)
		default:
			continue
		}
		for path := filepath.Clean("/" + fields[2]); ; path = filepath.Dir(path) {
			visit(folder(filepath.Join(base, path)))
			if path == "/" {
				break
			}
		}
	}
}

func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}
