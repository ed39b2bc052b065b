package crew

import (
	"sync"
	"sync/atomic"
	"time"

	"uring-socket-proxyd/internal/socket"
)

// door is where clients wait that come at the limit while half-open connections take up
// places: as many as there are of those. One after the other the connections that have
// been silent longest are reset for them, as soon as that is long enough. The members
// are asked for theirs, each on its own thread.
type door struct {
	halfOpen atomic.Int64  // connections, of all members
	waiting  atomic.Int64  // clients; written under the lock
	admitted atomic.Uint64 // of those, since start: no worker counts them as accepted

	mu      sync.Mutex
	line    []atDoor
	phase   doorPhase
	closed  bool // nobody is let in any more
	answers int  // still to come
	longest time.Duration
	who     int // the member that has it, -1 for nobody
	round   int // counts the connections that were to be reset
}

// doorPhase is what a door with clients is about.
type doorPhase uint8

const (
	doorIdle     doorPhase = iota
	doorAsking             // members are being asked
	doorSleeping           // until the longest silence is long enough
	doorGivingUp           // a connection is being reset
)

type atDoor struct {
	client   Client
	worker   int // that has accepted it
	deadline time.Time
}

// doorTime is how long a client waits at most, where bytes move after all.
const doorTime = 2 * GiveUpAfter

func (d *door) empty() bool { return d.waiting.Load() == 0 }

// wait has a client wait, if it may hope for a place.
func (c *Crew) wait(client Client, worker int) bool {
	d := &c.door
	if d.halfOpen.Load() == 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || int64(len(d.line)) >= d.halfOpen.Load() {
		return false
	}
	d.line = append(d.line, atDoor{client, worker, time.Now().Add(doorTime)})
	d.waiting.Add(1)
	c.letIn() // a place may have become free meanwhile
	c.ask()
	return true
}

// leftOne is called after a connection has left the gate.
func (c *Crew) leftOne() {
	d := &c.door
	if d.empty() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.phase == doorGivingUp {
		d.phase = doorIdle
	}
	c.letIn()
	c.ask()
}

// letIn lets those in for whom there is a place, in order. Locked.
func (c *Crew) letIn() {
	for d := &c.door; len(d.line) > 0 && c.services.Gate.Admit(); {
		next := d.pop()
		d.admitted.Add(1)
		c.HandOver(next.client, c.spread.Choose(next.worker))
	}
}

func (d *door) pop() atDoor {
	first := d.line[0]
	d.line = d.line[:copy(d.line, d.line[1:])]
	d.waiting.Add(-1)
	return first
}

// ask asks all members for how long their connections have been silent. Locked.
func (c *Crew) ask() {
	d := &c.door
	if len(d.line) == 0 || d.phase != doorIdle {
		return
	}
	d.phase, d.answers, d.longest, d.who = doorAsking, len(c.members), 0, -1
	for i, m := range c.members {
		asked := m.Inbox().Post(func() {
			silent, ok := m.LongestSilent()
			d.mu.Lock()
			defer d.mu.Unlock()
			if ok && (d.who < 0 || silent > d.longest) {
				d.longest, d.who = silent, i
			}
			c.answered()
		})
		if !asked { // it has ended
			c.answered()
		}
	}
}

// answered decides, once all members have answered. Locked.
func (c *Crew) answered() {
	d := &c.door
	if d.answers--; d.answers > 0 {
		return
	}
	d.phase = doorIdle
	for len(d.line) > 0 && (d.who < 0 || time.Until(d.line[0].deadline) <= 0) {
		c.turnAway(d.pop())
	}
	switch {
	case len(d.line) == 0:
	case d.longest < GiveUpAfter:
		d.phase = doorSleeping
		round := d.round
		time.AfterFunc(GiveUpAfter-d.longest, func() { c.askAgain(doorSleeping, round) })
	default:
		c.giveUp(c.members[d.who])
	}
}

// leaveTime is how long a connection that was reset takes to leave, as a rule. It may take
// much longer if the close of what was passed to it waits (SO_LINGER): then another one is
// looked for, or those who wait are turned away.
const leaveTime = 100 * time.Millisecond

// giveUp has a member reset a connection. Its leaving makes room. Locked.
func (c *Crew) giveUp(m Member) {
	d := &c.door
	d.phase = doorGivingUp
	d.round++
	round := d.round
	asked := m.Inbox().Post(func() {
		if !m.GiveUpLongestSilent() {
			c.askAgain(doorGivingUp, round)
			return
		}
		time.AfterFunc(leaveTime, func() { c.askAgain(doorGivingUp, round) })
	})
	if !asked { // it has ended meanwhile
		c.door.phase = doorIdle
		c.ask()
	}
}

// askAgain asks once more, if the door still is in the phase of a round that has come to
// nothing.
func (c *Crew) askAgain(in doorPhase, round int) {
	d := &c.door
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.phase == in && d.round == round {
		d.phase = doorIdle
		c.letIn()
		c.ask()
	}
}

// turnAway refuses a client that has waited in vain, on the thread of the worker that has
// accepted it, whose count that is.
func (c *Crew) turnAway(a atDoor) {
	m := c.members[a.worker]
	refuse := func() {
		c.refuse(a.client, m.Counters())
		socket.System{}.Close(a.client.FD)
	}
	if !m.Inbox().Post(refuse) {
		socket.System{}.Close(a.client.FD)
	}
}

// shut refuses those who wait, as nobody is let in any more.
func (d *door) shut(c *Crew) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for len(d.line) > 0 {
		c.turnAway(d.pop())
	}
}
