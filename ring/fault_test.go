package ring

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/ring/uring"
)

// brokenKernel fails as a ring does whose descriptor has been closed.
type brokenKernel struct{}

func (brokenKernel) Enter(uint32, uint32, time.Duration) (uint32, syscall.Errno) {
	return 0, syscall.EBADF
}

// TestRingFaultIsFatal checks that the event loop ends with the error instead of
// spinning, also when the fault is found in the middle of a batch.
func TestRingFaultIsFatal(t *testing.T) {
	for _, entries := range []uint32{1, 8} {
		s := &simulation{t: t, rng: rand.New(rand.NewPCG(1, 0)), sockets: make(map[int]*simSocket), lies: make(map[string]int)}
		w := newModelWorker(t, s, bufpool.Config{Count: 4, Size: 100})
		w.ring, _ = uring.NewSimulated(uring.Config{Entries: entries, CQEntries: 16}, brokenKernel{})
		if err := w.Run(); !errors.Is(err, syscall.EBADF) {
			t.Errorf("with %d entries the event loop ended with %v", entries, err)
		}
		w.Release()
	}
}
