package uring

import (
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// Inject puts faults between a ring and its kernel: fail is called with each operation
// that is about to be submitted, and may return an errno for it to fail with, as if
// the kernel had, without any effect. It is for tests; a ring that nobody injects
// faults into does not know of it. Not with IORING_SETUP_SQPOLL.
func (r *Ring) Inject(fail func(sqe SQE) syscall.Errno) {
	r.kernel = &faultyKernel{Kernel: r.kernel, ring: r, fail: fail, asked: *r.sqTail, failing: make(map[uint64]syscall.Errno)}
}

// InjectEnter makes io_uring_enter(2) itself fail, as long as fail returns an errno.
func (r *Ring) InjectEnter(fail func() syscall.Errno) {
	r.kernel = &failingKernel{r.kernel, fail}
}

// faultyKernel is a Kernel some of whose operations fail. Those are submitted as
// something that completes at once, and the completion's result is replaced.
type faultyKernel struct {
	Kernel
	ring    *Ring
	fail    func(SQE) syscall.Errno
	asked   uint32                   // the SQ's tail up to which fail has been asked
	failing map[uint64]syscall.Errno // by user data
}

func (k *faultyKernel) Enter(toSubmit, minComplete uint32, timeout time.Duration) (uint32, syscall.Errno) {
	r := k.ring
	for ; k.asked != *r.sqTail; k.asked++ {
		sqe := &r.sqes[k.asked&r.sqMask]
		if errno := k.fail(*sqe); errno != 0 {
			k.replace(sqe, errno)
		}
	}
	before := atomic.LoadUint32(r.cqTail)
	consumed, errno := k.Kernel.Enter(toSubmit, minComplete, timeout)
	for after := atomic.LoadUint32(r.cqTail); before != after; before++ {
		cqe := &r.cqes[before&r.cqMask]
		if errno, ok := k.failing[cqe.UserData]; ok {
			delete(k.failing, cqe.UserData)
			cqe.Res, cqe.Flags = -int32(errno), 0
		}
	}
	return consumed, errno
}

// replace makes an operation one that does nothing; a restricted ring refuses it,
// which is as good. close(2) closes the descriptor whatever it returns, but for
// errors that have kept it from running.
func (k *faultyKernel) replace(sqe *SQE, errno syscall.Errno) {
	if sqe.OpCode == giouring.OpClose && closesAnyway(errno) {
		unix.Close(int(sqe.Fd))
	}
	k.failing[sqe.UserData] = errno
	*sqe = SQE{OpCode: giouring.OpNop, UserData: sqe.UserData}
}

func closesAnyway(errno syscall.Errno) bool {
	switch errno {
	case syscall.EINTR, syscall.EIO, syscall.ENOSPC, syscall.EDQUOT:
		return true
	}
	return false
}

// failingKernel is a Kernel that cannot be entered at times.
type failingKernel struct {
	Kernel
	fail func() syscall.Errno
}

func (k *failingKernel) Enter(toSubmit, minComplete uint32, timeout time.Duration) (uint32, syscall.Errno) {
	if errno := k.fail(); errno != 0 {
		return 0, errno
	}
	return k.Kernel.Enter(toSubmit, minComplete, timeout)
}
