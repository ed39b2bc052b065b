package soak

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// call is one connection of the mix, with both its ends.
type call struct {
	*stage
	number  uint64 // which the client sends first, so that the target knows its part
	kind    *kind
	random  *rand.Rand // for its plan only
	address harness.Address
	began   time.Time

	client, target script
	unanswered     bool          // the target sends no greeting
	reached        chan struct{} // closed when the target plays its part
	over           chan struct{} // closed when the target has played it
	left           chan struct{} // closed when the client has
	targetError    error         // once over
	reaching       atomic.Bool
}

// script is what one end does.
type script func(*end) error

// errTurnedAway is how a call ends that was closed before its greeting.
var errTurnedAway = errors.New("turned away")

// calls are those under way.
type calls struct {
	last  atomic.Uint64
	byNum sync.Map // of *call
	open  atomic.Int64
}

func (cs *calls) find(number uint64) *call {
	if c, ok := cs.byNum.Load(number); ok {
		return c.(*call)
	}
	return nil
}

// issued reports whether there ever was such a call.
func (cs *calls) issued(number uint64) bool { return number > 0 && number <= cs.last.Load() }

// newCall plans a call to one of the proxy's listeners.
func (s *stage) newCall(k *kind, address harness.Address, random *rand.Rand) *call {
	c := &call{
		stage: s, number: s.calls.last.Add(1), kind: k, random: random, address: address, began: time.Now(),
		reached: make(chan struct{}), over: make(chan struct{}), left: make(chan struct{}),
	}
	c.client, c.target = k.plan(c)
	return c
}

func (c *call) String() string {
	return fmt.Sprintf("%s, call %d by %s", c.kind.name, c.number, c.address.Transport)
}

// reach notes that the target has been. It returns false the second time.
func (c *call) reach() bool {
	first := c.reaching.CompareAndSwap(false, true)
	if first {
		close(c.reached)
	}
	return first
}

// length returns a length in bytes, up to most, short and long ones alike.
func (c *call) length(most int) int64 {
	return c.random.Int64N(1 << (1 + c.random.IntN(bits.Len(uint(most))-1)))
}

// playCall plays one call of a kind, to any listener, and judges how it went.
func (s *stage) playCall(k *kind, random *rand.Rand) {
	c := s.newCall(k, s.listeners[random.IntN(len(s.listeners))], random)
	err := c.run()
	switch {
	case err == nil:
		s.account.played(k)
	case errors.Is(err, errTurnedAway) && s.troubles.since(c.began):
		s.account.turnAway()
	case errors.Is(err, unix.ECONNRESET) && s.troubles.since(c.began):
		s.givenUp.Add(1) // in favour of the flood, or it is wrong: see mostGivenUp
	default:
		s.fail("%v: %v", c, err)
	}
}

// run plays both ends and returns what was wrong with either.
func (c *call) run() error {
	c.calls.byNum.Store(c.number, c)
	c.calls.open.Add(1)
	defer func() {
		c.calls.byNum.Delete(c.number)
		c.calls.open.Add(-1)
	}()
	conn, err := harness.TryDial(c.address, harness.SocketOptions{})
	if isBroken(err) {
		return errTurnedAway // before the client had noticed that it was connected
	} else if err != nil {
		return err
	}
	err = c.client(c.newEnd(conn, true))
	conn.Close()
	close(c.left)
	if err != nil {
		err = fmt.Errorf("the client: %w", err)
	}
	return errors.Join(err, c.outcomeOfTarget(err))
}

// outcomeOfTarget waits for the target, if the call has reached it.
func (c *call) outcomeOfTarget(clientError error) error {
	select {
	case <-c.reached:
	default:
		return nil // the client's script knows whether it should have
	}
	select {
	case <-c.over:
	case <-time.After(3 * harness.Patience):
		return errors.New("the target: not told of the end")
	}
	if c.targetError == nil || errors.Is(clientError, errTurnedAway) {
		return nil
	}
	return fmt.Errorf("the target: %w", c.targetError)
}

// newEnd makes a connection the client's or the target's end.
func (c *call) newEnd(conn net.Conn, client bool) *end {
	up, down := harness.NewPattern(c.seed, 2*c.number), harness.NewPattern(c.seed, 2*c.number+1)
	e := &end{Conn: conn, call: c, out: up, in: down}
	if !client {
		e.out, e.in = down, up
	}
	e.wait(0)
	return e
}
