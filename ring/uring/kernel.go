package uring

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// systemKernel is the real kernel: io_uring_enter(2) on one ring.
type systemKernel struct {
	fd     uintptr
	memory []byte // holds arg and timespec, which the kernel reads
	arg    *getEventsArg
	ts     *unix.Timespec
	wake   bool // the kernel's submission thread sleeps (IORING_SETUP_SQPOLL)
	// flags are the flags of every call. Without IORING_ENTER_NO_IOWAIT a thread that waits
	// with operations in flight counts as waiting for a disk (6.5 and newer, and stable
	// kernels since 6.1.39): an idle program shows as I/O pressure. If the kernel lacks
	// it, nothing else helps: poll(2) on the ring is not woken by work that a deferring
	// ring has to run, and an eventfd, which is, would cost a write for each message.
	flags uintptr
}

// newSystemKernel returns the kernel's side of a ring with features.
func newSystemKernel(fd int, features uint32) (*systemKernel, error) {
	memory, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("mapping the wait argument: %w", err)
	}
	k := &systemKernel{
		fd:     uintptr(fd),
		memory: memory,
		arg:    (*getEventsArg)(unsafe.Pointer(&memory[0])),
		ts:     (*unix.Timespec)(unsafe.Pointer(&memory[64])),
	}
	k.flags = uintptr(giouring.EnterGetEvents)
	if features&featNoIowait != 0 {
		k.flags |= enterNoIowait
	}
	k.arg.timespec = uint64(uintptr(unsafe.Pointer(k.ts)))
	return k, nil
}

// Enter implements Kernel. A wait of up to rawWait, and a call that does not wait
// at all, bypass the Go scheduler: the thread keeps its P, but no longer than the timeout,
// and the runtime's preemption signal ends the wait early (EINTR). A longer wait notifies
// the scheduler, so that garbage collection and other goroutines never depend on traffic.
func (k *systemKernel) Enter(toSubmit, minComplete uint32, timeout time.Duration) (uint32, syscall.Errno) {
	flags := k.flags
	if k.wake {
		flags |= uintptr(giouring.EnterSQWakeup)
	}
	if timeout > 0 {
		*k.ts = unix.NsecToTimespec(int64(timeout))
		call := syscall.RawSyscall6
		if timeout > rawWait {
			call = syscall.Syscall6
		}
		n, _, errno := call(unix.SYS_IO_URING_ENTER, k.fd, uintptr(toSubmit), uintptr(minComplete),
			flags|uintptr(giouring.EnterExtArg), uintptr(unsafe.Pointer(k.arg)), unsafe.Sizeof(getEventsArg{}))
		return uint32(n), errno
	}
	if minComplete == 0 {
		n, _, errno := syscall.RawSyscall6(unix.SYS_IO_URING_ENTER, k.fd, uintptr(toSubmit), 0, flags, 0, 0)
		return uint32(n), errno
	}
	n, _, errno := syscall.Syscall6(unix.SYS_IO_URING_ENTER, k.fd, uintptr(toSubmit), uintptr(minComplete), flags, 0, 0)
	return uint32(n), errno
}
