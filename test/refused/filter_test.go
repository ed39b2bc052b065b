package refused

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/harness"
)

// filterVariable makes the test's executable put itself under a filter that
// refuses io_uring_setup(2) with the errno given, and then become the program in
// its arguments.
const filterVariable = "TEST_REFUSE_IO_URING"

// filtered is the proxy with --engine=auto under such a filter.
func filtered(errno unix.Errno) *harness.Program {
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
			script := fmt.Sprintf("#!/bin/sh\n%s=%d exec %s %s \"$@\"\n", filterVariable, errno, self, harness.Uring.Executable(t))
			path := t.TempDir() + "/filtered"
			if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			return path
		},
	}
}

// becomeFiltered does not return.
func becomeFiltered(errno string, args []string) {
	err := filterAndExec(errno, args)
	fmt.Fprintln(os.Stderr, "under the filter:", err)
	os.Exit(125)
}

func filterAndExec(errno string, args []string) error {
	number, err := strconv.Atoi(errno)
	if err != nil {
		return err
	}
	os.Unsetenv(filterVariable)
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	if err := refuse(unix.SYS_IO_URING_SETUP, uint32(number)); err != nil {
		return err
	}
	return unix.Exec(path, args, os.Environ())
}

// refuse makes a system call fail in all threads of this process and in what it
// becomes (seccomp(2)).
func refuse(call, errno uint32) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | errno},
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
