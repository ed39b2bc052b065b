package soak

import (
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// bystanders are connections that last as long as the proxy and have no part in any
// trouble: one to each listener. Their messages come back, whatever happens to the
// others.
type bystanders struct {
	all     []*bystander
	leaving chan struct{}
	running sync.WaitGroup
}

type bystander struct {
	call    *call
	volleys atomic.Int64
	slowest atomic.Int64 // answer, nanoseconds
	seen    int64        // volleys at the last look
	last    atomic.Int64 // when the last answer came, ns since 1970
}

// standBy makes the bystanders and waits until they are in.
func (s *stage) standBy() {
	s.standing.leaving = make(chan struct{})
	for i, address := range s.listeners {
		b := new(bystander)
		b.call = s.newCall(&kind{name: "bystander", plan: b.plan}, address, rand.New(rand.NewPCG(s.seed, uint64(i))))
		s.standing.all = append(s.standing.all, b)
		s.standing.running.Go(func() {
			if err := b.call.run(); err != nil {
				s.fail("%v: after %d answers: %v", b.call, b.volleys.Load(), err)
			}
		})
	}
	if err := s.until("the bystanders to be answered", func() bool {
		return s.failures.Load() > 0 || s.standing.gotOn()
	}); err != nil {
		s.t.Fatal(err)
	}
}

func (b *bystander) plan(c *call) (client, target script) {
	const message = 512
	client = func(e *end) error {
		e.in = harness.NewPattern(c.seed, 2*c.number) // its own bytes
		if err := e.open(); err != nil {
			return err
		}
		for {
			select {
			case <-c.standing.leaving:
				return e.bye(true)
			case <-time.After(10 * time.Millisecond):
			}
			began := time.Now()
			e.wait(0)
			if err := e.send(message); err != nil {
				return err
			}
			if err := e.expect(message); err != nil {
				return err
			}
			b.volleys.Add(1)
			b.last.Store(time.Now().UnixNano())
			b.slowest.Store(max(b.slowest.Load(), int64(time.Since(began))))
		}
	}
	target = func(e *end) error {
		e.SetDeadline(time.Time{})
		if _, err := io.Copy(e.Conn, e.Conn); err != nil {
			return err
		}
		return e.endWriting()
	}
	return client, target
}

// gotOn reports whether each has had answers since the last look that said so.
func (bs *bystanders) gotOn() bool {
	for _, b := range bs.all {
		if b.volleys.Load() == b.seen {
			return false
		}
	}
	for _, b := range bs.all {
		b.seen = b.volleys.Load()
	}
	return true
}

// silent is for how long the one has had no answer that has waited longest.
func (bs *bystanders) silent() (longest time.Duration) {
	for _, b := range bs.all {
		longest = max(longest, time.Since(time.Unix(0, b.last.Load())))
	}
	return longest
}

// slowest is the longest that any waited for an answer.
func (bs *bystanders) slowest() (longest time.Duration) {
	for _, b := range bs.all {
		longest = max(longest, time.Duration(b.slowest.Load()))
	}
	return longest
}

// leave ends them in peace.
func (bs *bystanders) leave() {
	close(bs.leaving)
	bs.running.Wait()
}
