package soak

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// hold is many connections at once, which are let in or turned away, and then stay
// until they are released.
type hold struct {
	stage            *stage
	settling, ending sync.WaitGroup
	released         chan struct{}
	in, turnedAway   atomic.Int64
	mu               sync.Mutex
	wrong            []error
}

// holds is how a held connection ends: in peace, or broken by its client.
type ending struct{ client, target script }

var (
	inPeace = ending{
		client: func(e *end) error { return e.bye(true) },
		target: func(e *end) error { return e.bye(false) },
	}
	broken = ending{
		client: (*end).reset,
		target: func(e *end) error { return e.call.expectBroken(e) },
	}
)

func (s *stage) newHold() *hold { return &hold{stage: s, released: make(chan struct{})} }

// add makes n more connections.
func (h *hold) add(n int, as ending, random *rand.Rand) {
	h.settling.Add(n)
	for range n {
		settled := sync.OnceFunc(h.settling.Done)
		k := &kind{name: "hold", plan: func(*call) (script, script) {
			return func(e *end) error {
				if err := e.open(); err != nil {
					return err
				}
				h.in.Add(1)
				settled()
				<-h.released
				e.wait(0)
				return as.client(e)
			}, as.target
		}}
		c := h.stage.newCall(k, h.stage.listeners[random.IntN(len(h.stage.listeners))], random)
		h.ending.Go(func() {
			defer settled()
			h.note(c, c.run())
		})
	}
}

func (h *hold) note(c *call, err error) {
	switch {
	case errors.Is(err, errTurnedAway):
		h.turnedAway.Add(1)
	case err != nil:
		h.mu.Lock()
		defer h.mu.Unlock()
		h.wrong = append(h.wrong, fmt.Errorf("%v: %w", c, err))
	}
}

// settle waits until each is in or turned away, and returns how many are in.
func (h *hold) settle() int {
	h.settling.Wait()
	return int(h.in.Load())
}

// release lets all end, waits until they have, and returns what was wrong.
func (h *hold) release() error {
	close(h.released)
	h.ending.Wait()
	return errors.Join(h.wrong...)
}
