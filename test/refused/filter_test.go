package refused

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// filterVariable makes the test's executable put itself under a filter that answers
// io_uring_setup(2) with the action given, and then become the program in its
// arguments.
const filterVariable = "TEST_REFUSE_IO_URING"

// filtered is the proxy with --engine=auto under a filter that refuses.
func filtered(errno unix.Errno) *harness.Program {
	return underFilter(unix.SECCOMP_RET_ERRNO | uint32(errno))
}

// underFilter is the proxy with --engine=auto under a filter with an action of
// seccomp(2).
func underFilter(action uint32) *harness.Program {
	return &harness.Program{
		Name:     "filtered",
		Graceful: true,
		Find: func(t testing.TB) string {
			t.Helper()
			// The harness starts one path with arguments: a script is that.
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			script := fmt.Sprintf("#!/bin/sh\n%s=%d exec %s %s \"$@\"\n", filterVariable, action, self, harness.Uring.Executable(t))
			path := t.TempDir() + "/filtered"
			if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			return path
		},
	}
}

// becomeFiltered does not return.
func becomeFiltered(action string, args []string) {
	err := filterAndExec(action, args)
	fmt.Fprintln(os.Stderr, "under the filter:", err)
	os.Exit(125)
}

func filterAndExec(action string, args []string) error {
	number, err := strconv.ParseUint(action, 10, 32)
	if err != nil {
		return err
	}
	os.Unsetenv(filterVariable)
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	if err := answer(unix.SYS_IO_URING_SETUP, uint32(number)); err != nil {
		return err
	}
	return unix.Exec(path, args, os.Environ())
}

// answer gives a system call an action of seccomp(2) in all threads of this process and
// in what it becomes.
func answer(call, action uint32) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: action},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if e != 0 {
		return e
	}
	return nil
}
