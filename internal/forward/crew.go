package forward

import (
	"sync"
	"sync/atomic"

	"uring-socket-proxyd/internal/socket"
)

// Member is a worker as its crew sees it. What Sample, Retire, Resume and Stop ask
// for runs on the worker's own thread, by its inbox.
type Member interface {
	Inbox() *Inbox
	Counters() *Counters
	// Sample tells how the worker is.
	Sample() Sample
	// Retire makes the worker stop accepting and call Crew.Quiet once no client
	// can come of it any more. Its connections go on.
	Retire()
	// Resume makes it accept again.
	Resume()
	// Stop makes it stop accepting, reset its connections, and end.
	Stop()
}

// Crew is an engine's workers, which end together and share the connections. Each
// accepts on all listeners; the clients it lets in go to whoever has the fewest
// connections.
//
// What an engine does of its own: call Begin before the members run, run each on a
// thread, hand the clients in its inbox to it, and call End when its event loop has
// ended.
type Crew struct {
	policy  *Policy
	spread  *Spread
	members []Member                 // complete before any of them runs
	samples []atomic.Pointer[Sample] // what each has said last

	mu    sync.Mutex
	phase phase
	quiet int // members that have stopped accepting, while retiring or draining

	draining atomic.Bool // all members have stopped accepting, to end with their connections
}

// phase is what a crew is about.
type phase uint8

const (
	phaseServing  phase = iota
	phaseRetiring       // members stop accepting to see whether they are idle
	phaseDraining       // members stop accepting, and end with their connections
	phaseStopping
)

// Client is an accepted client on its way to its worker, which has been let in unless
// it is in Policy.Accepted.
type Client struct {
	Route *Route
	FD    int // owned by whoever holds the Client
}

// NewCrew returns a crew for policy.Workers members, still to join.
func NewCrew(policy *Policy) *Crew {
	return &Crew{policy: policy, spread: NewSpread(policy.Workers), samples: make([]atomic.Pointer[Sample], policy.Workers)}
}

// Join adds the next member; the first is number 0.
func (c *Crew) Join(m Member) {
	c.members = append(c.members, m)
	c.policy.Pulse.watch(m.Counters())
}

// Admit lets a client in that a worker has accepted, and tells which worker is to
// have it, or tells the engine to close it at once. Each one that was let in is
// given back by Leave, or by Dismiss.
func (c *Crew) Admit(r *Route, worker int, counters *Counters) (to int, ok bool) {
	if !c.policy.Gate.Admit() {
		counters.Refused.Add(1)
		c.policy.reportRefused(r.Listener)
		return worker, false
	}
	counters.Accepted.Add(1)
	return c.spread.Choose(worker), true
}

// HandOver sends a client to another worker.
func (c *Crew) HandOver(client Client, to int) {
	if !c.members[to].Inbox().Hand(client) { // it has ended
		c.Dismiss(client, to)
	}
}

// Dismiss closes a client whose worker ends, as it does those it serves.
func (c *Crew) Dismiss(client Client, worker int) {
	c.policy.closeDismissed(client)
	var sockets socket.System
	sockets.ResetOnClose(client.FD)
	sockets.Close(client.FD)
	c.Leave(worker)
}

// Leave gives the place of a worker's connection back, once it is closed.
func (c *Crew) Leave(worker int) {
	c.spread.Leave(worker)
	c.policy.Gate.Release()
	c.leftLast()
}

// End closes what was sent to a worker that has ended, now or later.
func (c *Crew) End(worker int) {
	for _, client := range c.members[worker].Inbox().Shut() {
		c.Dismiss(client, worker)
	}
}

// Await waits until all members have ended and returns the first fault. A fault of
// one ends the others too.
func (c *Crew) Await(ended <-chan error) error {
	var fault error
	for range c.members {
		if err := <-ended; err != nil {
			if fault == nil {
				fault = err
			}
			c.Stop()
		}
	}
	if len(c.members) > 1 {
		for i, m := range c.members {
			c.policy.Log.Debug("worker ended", "worker", i, "served", m.Counters().Served.Load())
		}
	}
	return fault
}

// Counters are the sums of the members' counts; anyone may read them.
func (c *Crew) Counters() Counts {
	var sum Counts
	for _, m := range c.members {
		sum.add(m.Counters())
	}
	return sum
}
