// Attempt tries what a container's seccomp profile is to refuse, and what it must not,
// and writes for each a line with the name and what the kernel said: "done" or the name
// of an error.
package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempts are all, by the names that the test has for them.
var attempts = []struct {
	name string
	try  func() error
}{
	{"clone a process", func() error { return clone(0) }},
	{"clone into a mount namespace", func() error { return clone(unix.CLONE_NEWUSER | unix.CLONE_NEWNS) }},
	{"clone into a cgroup namespace", func() error { return clone(unix.CLONE_NEWUSER | unix.CLONE_NEWCGROUP) }},
	{"clone into a UTS namespace", func() error { return clone(unix.CLONE_NEWUSER | unix.CLONE_NEWUTS) }},
	{"clone into an IPC namespace", func() error { return clone(unix.CLONE_NEWUSER | unix.CLONE_NEWIPC) }},
	{"clone into a user namespace", func() error { return clone(unix.CLONE_NEWUSER) }},
	{"clone into a process namespace", func() error { return clone(unix.CLONE_NEWUSER | unix.CLONE_NEWPID) }},
	{"clone into a network namespace", func() error { return clone(unix.CLONE_NEWUSER | unix.CLONE_NEWNET) }},
	{"clone3 a process", func() error { return clone3(0) }},
	{"clone3 into a user namespace", func() error { return clone3(unix.CLONE_NEWUSER) }},
	{"unshare", func() error { return unix.Unshare(unix.CLONE_FS) }},
	{"ptrace", func() error { return ignore(unix.ESRCH, call(unix.SYS_PTRACE, unix.PTRACE_CONT, nobody)) }},
	{"keyctl", func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true); return err }},
	{"personality", func() error { return call(unix.SYS_PERSONALITY, 0xffffffff) }},
	{"memfd_create", func() error { _, err := unix.MemfdCreate("attempt", 0); return err }},
	{"chmod", func() error { return ignore(unix.ENOENT, unix.Fchmodat(unix.AT_FDCWD, "/absent", 0, 0)) }},
	{"UNIX socket", func() error { return open(unix.AF_UNIX, unix.SOCK_STREAM, 0) }},
	{"IPv4 socket", func() error { return open(unix.AF_INET, unix.SOCK_STREAM, 0) }},
	{"IPv6 socket", func() error { return open(unix.AF_INET6, unix.SOCK_DGRAM, 0) }},
	{"route netlink socket", func() error { return open(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE) }},
	{"netfilter netlink socket", func() error { return open(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER) }},
	{"audit netlink socket", func() error { return open(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT) }},
	{"crypto socket", func() error { return open(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) }},
	{"VSOCK socket", func() error { return open(unix.AF_VSOCK, unix.SOCK_STREAM, 0) }},
}

// nobody is no process's id: it is above what Linux gives out.
const nobody = 1 << 30

func main() {
	for _, a := range attempts {
		said := "done"
		if err := a.try(); err != nil {
			said = err.Error()
			if errno, ok := err.(syscall.Errno); ok {
				said = unix.ErrnoName(errno)
			}
		}
		fmt.Printf("%s: %s\n", a.name, said)
	}
}

func call(number uintptr, arguments ...uintptr) error {
	var a [3]uintptr
	copy(a[:], arguments)
	_, _, errno := unix.RawSyscall(number, a[0], a[1], a[2])
	if errno != 0 {
		return errno
	}
	return nil
}

func ignore(expected syscall.Errno, err error) error {
	if err == expected {
		return nil
	}
	return err
}

// clone makes a process that ends at once.
func clone(flags uintptr) error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	return cloned(pid, errno)
}

// clone3 does it by the call whose flags are in memory, where no filter sees them.
func clone3(flags uint64) error {
	args := [8]uint64{0: flags, 4: uint64(unix.SIGCHLD)} // struct clone_args of clone(2)
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	return cloned(pid, errno)
}

func cloned(pid uintptr, errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		// This one thread is all that the new process has of Go's runtime.
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil // it is not waited for, as the program never needs to
}

func open(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind, protocol)
	if err == nil {
		unix.Close(fd)
	}
	return err
}
