package uring

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Refusal words an error of New or ProbeAll for the person who can do something about it:
// why io_uring cannot be used, and what would change that.
func Refusal(err error) string {
	disabled := readLine("/proc/sys/kernel/io_uring_disabled")
	filtered := strings.Contains(readFile("/proc/self/status"), "\nSeccomp:\t2")
	var fatal *fatalCall
	var blind *untried
	switch {
	case errors.As(err, &fatal):
		return fatal.reason()
	case errors.As(err, &blind):
		return err.Error()
	case errors.Is(err, syscall.EPERM) && disabled == "2":
		return "kernel.io_uring_disabled=2 forbids io_uring; set that sysctl to 0 to allow it"
	case errors.Is(err, syscall.EPERM) && disabled == "1":
		return "kernel.io_uring_disabled=1 forbids io_uring to this user; set that sysctl to 0, or add the user's group to kernel.io_uring_group"
	case errors.Is(err, syscall.EPERM) && filtered && hidden("/proc/sys"):
		return "a seccomp filter refuses io_uring, or kernel.io_uring_disabled does, which cannot be read here (ProcSubset=); allow io_uring_setup, io_uring_enter and io_uring_register in the filter, or set the sysctl to 0"
	case (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS)) && filtered:
		return fmt.Sprintf("a seccomp filter refuses io_uring (%v); allow io_uring_setup, io_uring_enter and io_uring_register in it", errnoOf(err))
	case errors.Is(err, syscall.ENOSYS):
		return "this kernel has no io_uring; it needs Linux 6.0 or newer, built with CONFIG_IO_URING"
	case errors.Is(err, syscall.ENOMEM):
		return "no memory for the ring, or RLIMIT_MEMLOCK is too low; raise LimitMEMLOCK=, or LimitAS= or LimitDATA= where they are set"
	case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
		return "no descriptor left for the ring; raise LimitNOFILE="
	}
	return err.Error()
}

// tooOld means that the kernel lacks something that the engine needs. It is an
// errors.ErrUnsupported.
type tooOld struct{ feature, since string }

func (e *tooOld) Error() string {
	return fmt.Sprintf("this kernel is too old for %s (needs Linux %s)", e.feature, e.since)
}

func (e *tooOld) Is(other error) bool { return other == errors.ErrUnsupported }

// errnoOf returns the errno that an error wraps, or the error itself.
func errnoOf(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// readFile returns the content of a small file in /proc, or nothing.
func readFile(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

// hidden reports whether a path in /proc that every kernel has is not visible.
func hidden(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}

func readLine(path string) string { return strings.TrimSpace(readFile(path)) }
