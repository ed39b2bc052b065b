package measure

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Syscalls counts the system calls of a session from the moment that it is made.
// Counting slows every system call of the machine, so it must not be on while
// times are measured. The owner calls Stop.
type Syscalls struct {
	counters []int
	base     uint64 // the count when the last counter was started
}

// CountSyscalls starts to count, by the same means as "perf stat -e
// raw_syscalls:sys_enter". An error means that this is not possible here.
func CountSyscalls(session int) (*Syscalls, error) {
	id, err := tracepoint("raw_syscalls/sys_enter")
	if err != nil {
		return nil, err
	}
	processes, err := members(session)
	if err != nil {
		return nil, err
	}
	// It ends when its descriptor is closed; new threads and processes count too.
	attributes := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id,
		Size: unix.PERF_ATTR_SIZE_VER3, Bits: unix.PerfBitInherit}
	s := new(Syscalls)
	for _, tid := range threads(processes) {
		fd, err := unix.PerfEventOpen(&attributes, tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err == unix.ESRCH {
			continue // it has just ended
		}
		if err != nil {
			s.Stop()
			return nil, fmt.Errorf("perf_event_open: %w", err)
		}
		s.counters = append(s.counters, fd)
	}
	if s.base, err = s.sum(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Count returns how many calls there were since CountSyscalls returned.
func (s *Syscalls) Count() (uint64, error) {
	sum, err := s.sum()
	return sum - s.base, err
}

func (s *Syscalls) sum() (sum uint64, err error) {
	var value [8]byte
	for _, fd := range s.counters {
		if _, err := unix.Read(fd, value[:]); err != nil {
			return 0, fmt.Errorf("performance counter: %w", err)
		}
		sum += binary.NativeEndian.Uint64(value[:])
	}
	return sum, nil
}

// Stop ends counting. A second call does nothing.
func (s *Syscalls) Stop() {
	for _, fd := range s.counters {
		_ = unix.Close(fd)
	}
	s.counters = nil
}

// tracepoint returns the kernel's number for one of its tracepoints.
func tracepoint(name string) (uint64, error) {
	var failure error
	for _, directory := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		text, err := os.ReadFile(directory + "/events/" + name + "/id")
		if err == nil {
			return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		}
		failure = err
	}
	return 0, fmt.Errorf("tracepoint %s: %w", name, failure)
}
