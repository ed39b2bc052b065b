package uring

import (
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// Inject puts faults between a ring and its kernel: fail is called with each operation
// that is about to be submitted, and can return an errno. The operation then fails with
// that errno and has no effect. It is for tests, and costs other rings nothing. It does
// not work with IORING_SETUP_SQPOLL.
func (r *Ring) Inject(fail func(sqe SQE) syscall.Errno) {
	r.kernel = &faultyKernel{Kernel: r.kernel, ring: r, fail: fail, asked: *r.sqTail, failing: make(map[uint64]syscall.Errno)}
}

// InjectEnter makes io_uring_enter(2) itself fail as long as fail returns an errno.
func (r *Ring) InjectEnter(fail func() syscall.Errno) {
	r.kernel = &failingKernel{r.kernel, fail}
}

// faultyKernel is a Kernel in which some operations fail. These are replaced by
// operations that complete at once, and the result in the completion is replaced.
type faultyKernel struct {
	Kernel
	ring    *Ring
	fail    func(SQE) syscall.Errno
	asked   uint32                   // the SQ's tail up to which fail has been called
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

// replace turns an operation into one that does nothing; a restricted ring refuses it,
// which is just as good. close(2) closes the descriptor whatever it returns, except with
// errors that kept it from running.
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

// failingKernel is a Kernel that at times cannot be entered.
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
