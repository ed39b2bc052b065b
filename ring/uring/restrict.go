package uring

import (
	"fmt"
	"syscall"

	"github.com/pawelgaczynski/giouring"
)

// A ring is set up disabled, restricted to what the engine does, and then enabled:
// from then on the kernel refuses anything else with EACCES, for as long as the ring
// lives. An attacker who could write to the queues of a running program could not open
// files, start other rings' operations, or register memory through them.
//
// (IORING_REGISTER_RESTRICTIONS, kernel 5.10; io_uring_register(2).)

// restrictedOps are the operations that operation.go prepares.
var restrictedOps = []uint8{
	giouring.OpAccept, giouring.OpConnect, giouring.OpRecv, giouring.OpSend, giouring.OpRead,
	giouring.OpPollAdd, giouring.OpTimeout, giouring.OpAsyncCancel, giouring.OpClose,
}

// restrictedFlags are the IOSQE_* flags that operation.go uses.
const restrictedFlags = giouring.SqeBufferSelect | giouring.SqeCQESkipSuccess

// restrictedCalls are the io_uring_register(2) calls on a ring in use, which bufpool and
// the probe make.
var restrictedCalls = []uint32{giouring.RegisterPbufRing, giouring.UnregisterPbufRing}

// restrict restricts a ring that was set up with IORING_SETUP_R_DISABLED, and enables
// it.
func (r *Ring) restrict() error {
	var all []giouring.Restriction
	add := func(kind uint32, value uint8) {
		all = append(all, giouring.Restriction{OpCode: uint16(kind), OpFlags: value})
	}
	for _, op := range restrictedOps {
		add(giouring.RestrictionSQEOp, op)
	}
	for _, call := range restrictedCalls {
		add(giouring.RestrictionRegisterOp, uint8(call))
	}
	add(giouring.RestrictionSQEFlagsAllowed, restrictedFlags)
	if _, err := r.ring.RegisterRestrictions(all); err != nil {
		return fmt.Errorf("restricting the ring: %w", err)
	}
	if _, err := r.ring.EnableRings(); err != nil {
		return fmt.Errorf("enabling the ring: %w", err)
	}
	return nil
}

// restrictions reports whether the kernel restricts a ring: a small one must refuse an
// operation that is not on the list.
func (*prober) restrictions() (bool, error) {
	ring, err := setup(Config{Entries: 1, CQEntries: 2}, giouring.SetupCoopTaskrun|giouring.SetupRDisabled)
	if err != nil {
		return answer(err)
	}
	defer ring.Close()
	if err := ring.restrict(); err != nil {
		return answer(err)
	}
	ring.next().PrepareNop()
	if err := ring.SubmitAndWait(Forever); err != nil || ring.ready() == 0 {
		return false, err
	}
	return ring.pop().Errno() == syscall.EACCES, nil
}
