package uring

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pawelgaczynski/giouring"
)

// rawWait is how long a wait bypasses the Go scheduler before it notifies it. It is
// longer than the gap between two messages of a busy connection, and shorter than
// sysmon's 10 ms, after which the runtime would signal the thread.
const rawWait = 2 * time.Millisecond

// Forever as a limit means that a wait has none.
const Forever = time.Duration(-1)

// sqStuckLimit bounds how often next retries if the kernel takes no entry
// (EAGAIN: no memory for a request) before it declares the ring broken.
const sqStuckLimit = 1000

// errSQStuck is a fault of the ring: the engine cannot go on.
var errSQStuck = errors.New("io_uring: the kernel accepts no submissions")

// next returns a cleared entry to fill. If the queue is full it submits first.
// The next call that submits publishes the entry. After a fault of the ring, next
// returns an entry that goes nowhere, and the call that submits returns the fault.
func (r *Ring) next() *SQE {
	if r.sqLocal-atomic.LoadUint32(r.sqHead) > r.sqMask && !r.makeRoom() {
		return &r.nowhere
	}
	sqe := &r.sqes[r.sqLocal&r.sqMask]
	r.sqLocal++
	*sqe = SQE{}
	return sqe
}

// makeRoom submits until the queue has a free entry; false means a fault.
func (r *Ring) makeRoom() bool {
	r.Stats.SQFull++
	for range sqStuckLimit {
		if r.fault != nil {
			return false
		}
		errno := r.submit(0, 0)
		if r.sqLocal-atomic.LoadUint32(r.sqHead) <= r.sqMask {
			return true
		}
		switch errno {
		case 0, syscall.EAGAIN, syscall.EBUSY, syscall.EINTR:
			time.Sleep(time.Millisecond) // the kernel is out of memory
		default:
			r.fault = fmt.Errorf("io_uring_enter: %w", errno)
		}
	}
	r.fault = errSQStuck
	return false
}

// submit publishes what next handed out and enters the kernel.
func (r *Ring) submit(minComplete uint32, timeout time.Duration) syscall.Errno {
	if tail := r.sqLocal; tail != *r.sqTail {
		r.unsubmitted += tail - *r.sqTail
		atomic.StoreUint32(r.sqTail, tail)
	}
	if r.flags&giouring.SetupSQPoll != 0 {
		return r.wakeSubmitter(minComplete, timeout)
	}
	r.Stats.Enters++
	consumed, errno := r.kernel.Enter(r.unsubmitted, minComplete, timeout)
	if errno != 0 {
		return errno
	}
	r.unsubmitted -= consumed
	r.Stats.Submissions += uint64(consumed)
	return 0
}

// wakeSubmitter is submit for a ring with IORING_SETUP_SQPOLL: a kernel thread takes
// what is published, and has to be woken only if it sleeps.
func (r *Ring) wakeSubmitter(minComplete uint32, timeout time.Duration) syscall.Errno {
	r.Stats.Submissions += uint64(r.unsubmitted)
	r.unsubmitted = 0
	wake := atomic.LoadUint32(r.sqFlags)&giouring.SQNeedWakeup != 0
	if !wake && minComplete == 0 {
		return 0
	}
	r.Stats.Enters++
	kernel := r.kernel.(*systemKernel)
	kernel.wake = wake
	_, errno := kernel.Enter(0, minComplete, timeout)
	return errno
}

// SubmitAndWait submits all prepared operations and returns when at least one
// completion can be reaped, or after limit unless that is Forever: one system call
// for the whole batch. It may return early with none (a signal). An error is a fault
// of the ring.
func (r *Ring) SubmitAndWait(limit time.Duration) error {
	if limit == 0 {
		return r.Submit()
	}
	if r.fault != nil {
		return r.fault
	}
	if r.overflown() {
		r.Stats.Overflows++
	}
	first := rawWait
	if limit > 0 {
		first = min(first, limit)
	}
	errno := r.submit(1, first)
	if first != limit && (errno == syscall.ETIME || (errno == 0 && r.ready() == 0 && r.unsubmitted == 0)) {
		rest := time.Duration(0) // no limit
		if limit > 0 {
			rest = limit - first
		}
		errno = r.submit(1, rest)
	}
	return r.waited(errno)
}

// SubmitAndWaitBriefly is SubmitAndWait for at most rawWait, after which it returns even
// with nothing to reap.
func (r *Ring) SubmitAndWaitBriefly(limit time.Duration) error {
	if limit == 0 {
		return r.Submit()
	}
	if r.fault != nil {
		return r.fault
	}
	return r.waited(r.submit(1, rawWait))
}

// waited interprets the outcome of a wait.
func (r *Ring) waited(errno syscall.Errno) error {
	switch errno {
	case 0, syscall.EINTR, syscall.ETIME:
		return nil
	case syscall.EAGAIN, syscall.EBUSY:
		// No memory for a request, or the CQ has overflowed: the next completions
		// make room. With nothing to reap, do not spin.
		if r.ready() == 0 {
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	return fmt.Errorf("io_uring_enter: %w", errno)
}

// SubmitAndPoll submits all prepared operations and looks for completions for as
// long as limit, without sleeping. It reports whether there are any to reap.
func (r *Ring) SubmitAndPoll(limit time.Duration) (bool, error) {
	if err := r.Submit(); err != nil {
		return false, err
	}
	for began := time.Now(); r.ready() == 0; {
		switch {
		case atomic.LoadUint32(r.sqFlags)&giouring.SQTaskrun != 0:
			if err := r.Submit(); err != nil {
				return false, err
			}
		case time.Since(began) > limit:
			return false, nil
		}
	}
	return true, nil
}

// Submit submits all prepared operations and runs what is ready to complete,
// without waiting. What the kernel does not take stays for the next call.
func (r *Ring) Submit() error {
	if r.fault != nil {
		return r.fault
	}
	switch errno := r.submit(0, 0); errno {
	case 0, syscall.EINTR, syscall.EAGAIN, syscall.EBUSY:
		return nil
	default:
		return fmt.Errorf("io_uring_enter: %w", errno)
	}
}

// Flush submits all prepared operations without waiting for completions.
func (r *Ring) Flush() error {
	for range sqStuckLimit {
		switch errno := r.submit(0, 0); errno {
		case 0:
			if r.unsubmitted == 0 {
				return nil
			}
		case syscall.EINTR:
		case syscall.EAGAIN, syscall.EBUSY:
			time.Sleep(time.Millisecond)
		default:
			return fmt.Errorf("io_uring_enter: %w", errno)
		}
	}
	return errSQStuck
}

// ready returns the number of completions that can be reaped.
func (r *Ring) ready() uint32 { return atomic.LoadUint32(r.cqTail) - *r.cqHead }

// Reap calls handle for each completion that is there, in order, then gives the
// entries back to the kernel in one step. Each CQE is copied before the call, so
// handle may prepare operations.
func (r *Ring) Reap(handle func(Completion)) int {
	n := r.ready()
	head := *r.cqHead
	for i := range n {
		cqe := r.cqes[(head+i)&r.cqMask]
		handle(Completion{UserData: cqe.UserData, Result: cqe.Res, flags: cqe.Flags})
	}
	atomic.StoreUint32(r.cqHead, head+n)
	r.Stats.Completions += uint64(n)
	return int(n)
}

// pop takes one completion, of which there must be one.
func (r *Ring) pop() Completion {
	head := *r.cqHead
	cqe := r.cqes[head&r.cqMask]
	atomic.StoreUint32(r.cqHead, head+1)
	r.Stats.Completions++
	return Completion{UserData: cqe.UserData, Result: cqe.Res, flags: cqe.Flags}
}
