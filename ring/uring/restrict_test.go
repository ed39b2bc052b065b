package uring

import (
	"errors"
	"syscall"
	"testing"

	"github.com/pawelgaczynski/giouring"
)

// TestRestrictedRing tries what the engine does not do: another operation, another
// flag, another register call. The kernel refuses each, and goes on with the ring.
func TestRestrictedRing(t *testing.T) {
	r := newRing(t, Config{Entries: 8, CQEntries: 16})
	if r.flags&giouring.SetupRDisabled == 0 {
		t.Fatal("the ring was not set up disabled")
	}
	refused := func(prepare func(*SQE)) {
		t.Helper()
		prepare(r.next())
		if err := r.SubmitAndWait(Forever); err != nil {
			t.Fatal(err)
		}
		if errno := r.pop().Errno(); errno != syscall.EACCES {
			t.Errorf("the kernel answered %v, not EACCES", errno)
		}
	}
	for op := range uint8(giouring.OpLast) {
		switch op {
		case giouring.OpAccept, giouring.OpConnect, giouring.OpRecv, giouring.OpSend, giouring.OpRead,
			giouring.OpPollAdd, giouring.OpTimeout, giouring.OpAsyncCancel, giouring.OpClose:
			continue
		}
		refused(func(sqe *SQE) { sqe.OpCode, sqe.Fd = op, -1 })
	}
	refused(func(sqe *SQE) { sqe.OpCode, sqe.Fd, sqe.Flags = giouring.OpRead, -1, giouring.SqeAsync })
	if _, err := r.ring.RegisterEventFd(0); !errors.Is(err, syscall.EACCES) {
		t.Errorf("registering an eventfd: %v, not EACCES", err)
	}
	reads(t, r, 4)
}

// TestUnrestrictedRing switches restrictions off.
func TestUnrestrictedRing(t *testing.T) {
	newRing(t, Config{Entries: 8, CQEntries: 16}) // skips where there is no io_uring
	r, features, err := New(Config{Entries: 8, CQEntries: 16}, Selection{FeatureRestrictions.Toggle: false})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if features.Uses(FeatureRestrictions) {
		t.Error("restrictions count as used")
	}
	r.next().PrepareNop()
	if err := r.SubmitAndWait(Forever); err != nil {
		t.Fatal(err)
	}
	if errno := r.pop().Errno(); errno != 0 {
		t.Errorf("a plain ring answered %v to IORING_OP_NOP", errno)
	}
}
