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

// deadly returns an error if io_uring's system calls must not be made, because a seccomp
// filter would kill the program instead of making the call fail, as SystemCallFilter= does
// unless a unit has SystemCallErrorNumber=. Without a filter this costs one system call;
// with a filter, a child process that tries the calls, once in the life of the program.
var deadly = sync.OnceValue(func() error {
	const filters = 2 // SECCOMP_MODE_FILTER
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	if err != nil || mode != filters {
		return nil // EINVAL: a kernel without seccomp
	}
	return tryInChild(ringCalls)
})

// ringCalls are io_uring's system calls as the child makes them, with arguments that make
// them fail without doing anything. A filter looks at their numbers.
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

// fatalCall means that a filter answers a system call by killing the caller.
type fatalCall struct{ name string }

func (e *fatalCall) Error() string {
	return fmt.Sprintf("a seccomp filter would kill the program for %s", e.name)
}

// untried means that a child to try io_uring in could not be created.
type untried struct{ err error }

func (e *untried) Error() string {
	return fmt.Sprintf("a seccomp filter is in force, and no child can be made to try whether it kills for io_uring: clone: %v", e.err)
}

func (e *untried) Unwrap() error { return e.err }

// tryInChild makes system calls in a child. The error is a *fatalCall for a call that the
// child did not survive.
func tryInChild(trials []trial) error {
	// The child reports through memory how far it has got. A filter may forbid waiting for
	// the child, so it must not become a zombie either, and using a descriptor instead
	// would take a read.
	memory, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return &untried{err}
	}
	defer func() { _ = unix.Munmap(memory) }()
	signal.Ignore(syscall.SIGCHLD) // so that the kernel reaps the child
	defer signal.Reset(syscall.SIGCHLD)
	if errno := runTrials(trials, &memory[0]); errno != 0 {
		return &untried{errno}
	}
	if done := int(memory[0]); done < len(trials) {
		return &fatalCall{trials[done].name}
	}
	return nil
}

// runTrials creates a child that counts in done the calls that it has survived, and
// returns when the child has ended.
//
// All signals are blocked meanwhile: the child has the handlers of Go's runtime, but not
// its threads. That does not hold back a filter's SIGSYS, which kills the child.
//
//go:noinline
//go:norace
func runTrials(trials []trial, done *byte) syscall.Errno {
	var all, before [1]uint64 // signal sets as the kernel has them
	all[0] = ^uint64(0)
	const setSize = unsafe.Sizeof(all)
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&before)), setSize, 0, 0)
	// From here to its exit the child must do nothing that needs the runtime. With
	// CLONE_VFORK this thread waits until it exits.
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

// reason words the error for the person who can do something about it.
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
