package measure

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Usage is what a session holds.
type Usage struct {
	PeakRSS     int64 // bytes, the sum of its processes' peaks; pages that they share count for each
	Descriptors int   // open ones, of all processes
}

// Held looks at what a session holds now.
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

// WakeUps counts how often the threads of a session have gone to sleep of their own
// accord. Each time while nothing happens is a wake-up for nothing.
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

// field is the number after NAME: in a file of such lines.
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
