package metrics

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// writeProcess writes the metrics that all programs have, under their common names. Values
// that cannot be determined are left out.
func writeProcess(t *text) {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) == nil {
		cpu := seconds(time.Duration(usage.Utime.Nano() + usage.Stime.Nano()))
		t.single("process_cpu_seconds_total", counter, cpu, "Total user and system CPU time spent in seconds.")
	}
	if virtual, resident, ok := memory(); ok {
		t.single("process_resident_memory_bytes", gauge, resident, "Resident memory size in bytes.")
		t.single("process_virtual_memory_bytes", gauge, virtual, "Virtual memory size in bytes.")
	}
	if n, ok := descriptors(); ok {
		t.single("process_open_fds", gauge, n, "Number of open file descriptors.")
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		t.single("process_max_fds", gauge, float64(min(limit.Cur, math.MaxInt64)), "Maximum number of open file descriptors.")
	}
	if began, ok := startTime(); ok {
		t.single("process_start_time_seconds", gauge, began, "Start time of the process since unix epoch in seconds.")
	}
}

// memory returns the first two numbers of /proc/self/statm, in bytes.
func memory() (virtual, resident float64, ok bool) {
	line, err := os.ReadFile("/proc/self/statm")
	fields := bytes.Fields(line)
	if err != nil || len(fields) < 2 {
		return 0, 0, false
	}
	page := float64(os.Getpagesize())
	virtual, err = strconv.ParseFloat(string(fields[0]), 64)
	if err != nil {
		return 0, 0, false
	}
	resident, err = strconv.ParseFloat(string(fields[1]), 64)
	return virtual * page, resident * page, err == nil
}

// descriptors counts the open descriptors. Since Linux 6.2 the folder's size is their
// number; before that, the folder is listed.
func descriptors() (float64, bool) {
	const folder = "/proc/self/fd"
	if info, err := os.Stat(folder); err == nil && info.Size() > 0 {
		return float64(info.Size()), true
	}
	opened, err := os.Open(folder)
	if err != nil {
		return 0, false
	}
	defer opened.Close()
	names, err := opened.Readdirnames(-1)
	return float64(len(names) - 1), err == nil // without the one for the listing itself
}

// startTime is determined once: the clocks that it is computed from drift a little, and a
// changed value would mean a restart.
var startTime = sync.OnceValues(findStartTime)

// findStartTime returns when the process started, in seconds since the epoch. /proc/stat,
// which has the time of boot, is not visible under ProcSubset=pid, so the clock is used.
func findStartTime() (float64, bool) {
	line, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, false
	}
	// proc_pid_stat(5): field 22, in ticks since boot. The name in field 2 can
	// contain anything.
	const before, ticks = 19, 100
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) <= before {
		return 0, false
	}
	sinceBoot, err := strconv.ParseFloat(string(fields[before]), 64)
	var now unix.Timespec
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0, false
	}
	boot := time.Now().Add(-time.Duration(now.Nano()))
	return math.Round(float64(boot.UnixMilli())/10+sinceBoot/ticks*100) / 100, true
}
