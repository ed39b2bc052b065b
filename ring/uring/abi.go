package uring

import (
	"unsafe"

	"github.com/pawelgaczynski/giouring"
)

// SQE and CQE are the kernel's struct io_uring_sqe and io_uring_cqe.
type (
	SQE = giouring.SubmissionQueueEntry
	CQE = giouring.CompletionQueueEvent
)

// Constants that giouring, last updated in 2023, does not know, under the
// kernel's own names (include/uapi/linux/io_uring.h).
const (
	offSQRing      = int64(0) // IORING_OFF_SQ_RING
	offCQRing      = int64(0x8000000)
	offSQEs        = int64(0x10000000)
	cqeBufferShift = 16

	enterNoIowait = uintptr(1 << 7) // IORING_ENTER_NO_IOWAIT, 6.15
	featNoIowait  = uint32(1 << 17) // IORING_FEAT_NO_IOWAIT, 6.15
)

// params is struct io_uring_params. giouring's type of that name has the same
// layout but hides every field; Setup converts the pointer.
type params struct {
	sqEntries    uint32
	cqEntries    uint32
	flags        uint32
	sqThreadCPU  uint32
	sqThreadIdle uint32
	features     uint32
	wqFd         uint32
	resv         [3]uint32
	sqOff        sqRingOffsets
	cqOff        cqRingOffsets
}

// sqRingOffsets is struct io_sqring_offsets.
type sqRingOffsets struct {
	head, tail, ringMask, ringEntries, flags, dropped, array, resv1 uint32
	userAddr                                                        uint64
}

// cqRingOffsets is struct io_cqring_offsets.
type cqRingOffsets struct {
	head, tail, ringMask, ringEntries, overflow, cqes, flags, resv1 uint32
	userAddr                                                        uint64
}

// getEventsArg is struct io_uring_getevents_arg, the argument of
// io_uring_enter(2) with IORING_ENTER_EXT_ARG.
type getEventsArg struct {
	sigmask     uint64
	sigmaskSize uint32
	minWaitUsec uint32
	timespec    uint64
}

// A layout that drifts from giouring's must not compile.
var _ [unsafe.Sizeof(params{})]byte = [unsafe.Sizeof(giouring.Params{})]byte{}
