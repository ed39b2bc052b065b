package measure

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Usage is what a session holds.
type Usage struct {
	PeakRSS     int64 // bytes, the sum of its processes' peaks; shared pages count for each
	Descriptors int   // open descriptors of all processes
}

// Held returns what a session holds now.
func Held(session int) (Usage, error) {
	processes, err := members(session)
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	for _, m := range processes {
		kib, ok := field(fmt.Sprintf("/proc/%d/status", m.pid), "VmHWM")
		if !ok {
			continue // it has just ended
		}
		u.PeakRSS += kib << 10
		if entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", m.pid)); err == nil {
			u.Descriptors += len(entries)
		}
	}
	return u, nil
}

// WakeUps returns how often the threads of a session have gone to sleep voluntarily. While
// nothing happens, each time is a needless wake-up.
func WakeUps(session int) (int64, error) {
	processes, err := members(session)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, tid := range threads(processes) {
		// /proc/TID works for any thread and shows that thread's own switches.
		n, _ := field(fmt.Sprintf("/proc/%d/status", tid), "voluntary_ctxt_switches")
		sum += n
	}
	return sum, nil
}

// field returns the number after NAME: in a file of such lines.
func field(path, name string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			n, err := strconv.ParseInt(string(bytes.Fields(value)[0]), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
