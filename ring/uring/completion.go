package uring

import (
	"syscall"

	"github.com/pawelgaczynski/giouring"
)

// Completion is one CQE.
type Completion struct {
	UserData uint64
	Result   int32 // bytes, a descriptor or 0; -errno on failure
	flags    uint32
}

// More reports whether the (multishot) operation will post further completions.
func (c Completion) More() bool { return c.flags&giouring.CQEFMore != 0 }

// Buffer returns the provided buffer that the kernel chose, if it chose one.
func (c Completion) Buffer() (id uint16, ok bool) {
	return uint16(c.flags >> cqeBufferShift), c.flags&giouring.CQEFBuffer != 0
}

// Errno returns the error of a failed operation, 0 if it did not fail.
func (c Completion) Errno() syscall.Errno {
	if c.Result < 0 {
		return syscall.Errno(-c.Result)
	}
	return 0
}
