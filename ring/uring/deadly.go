package uring

import (
	"fmt"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// deadly says why none of io_uring's system calls may be made: a seccomp filter would
// end the program for it instead of having the call fail, as SystemCallFilter= does
// unless a unit has SystemCallErrorNumber=. Without a filter it costs one system call;
// with one, a child that tries them, once in the life of the program.
var deadly = sync.OnceValue(func() error {
	const filters = 2 // SECCOMP_MODE_FILTER
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	if err != nil || mode != filters {
		return nil // EINVAL: a kernel without seccomp
	}
	return tryInChild(ringCalls)
})

// ringCalls are io_uring's system calls, as a child makes them: with arguments by which
// they do nothing but fail. A filter looks at their numbers.
var ringCalls = []trial{
	{"io_uring_setup", unix.SYS_IO_URING_SETUP, 0, 0},
	{"io_uring_enter", unix.SYS_IO_URING_ENTER, ^uintptr(0), 0},
	{"io_uring_register", unix.SYS_IO_URING_REGISTER, ^uintptr(0), 0},
}

// trial is a system call to be tried.
type trial struct {
	name         string
	number       uintptr
	first, other uintptr // its arguments
}

// fatalCall says that a filter answers a system call by ending who makes it.
type fatalCall struct{ name string }

func (e *fatalCall) Error() string {
	return fmt.Sprintf("a seccomp filter would kill the program for %s", e.name)
}

// untried says that a child to try io_uring in could not be made.
type untried struct{ err error }

func (e *untried) Error() string {
	return fmt.Sprintf("a seccomp filter is in force, and no child can be made to try whether it kills for io_uring: clone: %v", e.err)
}

func (e *untried) Unwrap() error { return e.err }

// tryInChild makes system calls in a child. The error is a *fatalCall for one that the
// child has not come back from.
func tryInChild(trials []trial) error {
	// The child tells by memory how far it has come: there may be no right to wait for
	// it, so that it must be no zombie either, and what it cannot leave behind in a
	// descriptor need not be read.
	memory, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return &untried{err}
	}
	defer func() { _ = unix.Munmap(memory) }()
	signal.Ignore(syscall.SIGCHLD) // the kernel then removes the child by itself
	defer signal.Reset(syscall.SIGCHLD)
	if errno := runTrials(trials, &memory[0]); errno != 0 {
		return &untried{errno}
	}
	if done := int(memory[0]); done < len(trials) {
		return &fatalCall{trials[done].name}
	}
	return nil
}

// runTrials makes a child that counts in done the calls that it has survived, and
// returns when that has ended.
//
// All signals are blocked meanwhile: the child has the handlers of Go's runtime, but not
// its threads. The SIGSYS of a filter is not held back by that but ends the child.
//
//go:noinline
//go:norace
func runTrials(trials []trial, done *byte) syscall.Errno {
	var all, before [1]uint64 // the kernel's sets of signals
	all[0] = ^uint64(0)
	const setSize = unsafe.Sizeof(all)
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&before)), setSize, 0, 0)
	// From here to its exit the child may do nothing that needs the runtime. With
	// CLONE_VFORK this thread waits for that.
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, unix.CLONE_VFORK|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if pid == 0 && errno == 0 {
		// Nobody wants a core dump of this.
		syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0, 0, 0, 0)
		for i := range trials {
			syscall.RawSyscall6(trials[i].number, trials[i].first, trials[i].other, 0, 0, 0, 0)
			*done++
		}
		for {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&before)), 0, setSize, 0, 0)
	return errno
}

// reason words the error for whoever can do something about it.
func (e *fatalCall) reason() string {
	return e.Error() + "; allow " + ringCallNames() + " in it, or have it refuse them with an error (SystemCallErrorNumber=EPERM)"
}

func ringCallNames() string {
	names := make([]string, len(ringCalls))
	for i, call := range ringCalls {
		names[i] = call.name
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
