package ring

import (
	"math/rand/v2"
	"testing"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
)

// TestFeedWhileThePipeHoldsBytes gives a buffer to a half that has waited for one,
// was a stream meanwhile, and still has bytes in its pipe: what it would receive now
// would overtake them.
func TestFeedWhileThePipeHoldsBytes(t *testing.T) {
	s := &simulation{t: t, rng: rand.New(rand.NewPCG(1, 0)), sockets: make(map[int]*simSocket), lies: make(map[string]int), nextFD: firstFD}
	w := newModelWorker(t, s, bufpool.Config{Count: 4, Size: 100})
	defer w.Release()
	c := begun(w, s)
	c.State, c.Target = connection.Forwarding, connection.Side{FD: s.socket(nil).fd, TCP: true}
	h := &c.toTarget
	w.starve(h)
	if !w.TakePipe(&h.Half) {
		t.Fatal("no pipe")
	}
	h.Held = 54 // in the pipe; the destination takes nothing at the moment
	w.feed()
	if h.Reading.InFlight() {
		t.Error("receives into the pool while older bytes are in the pipe")
	}
	w.DiscardPipe(&h.Half)
}
