// Package crew is what an engine's workers do together: which of them serves a client, how
// many connections there are, when all workers end, and what they report. An engine makes
// its workers the members of a [Crew]; what it is given for that besides the settings is in
// [Services].
//
// Invariants:
//
//   - The place of a client that [Crew.Admit] lets in is given back exactly once, by
//     [Crew.Leave] or [Crew.Dismiss].
//   - What other threads have for a worker goes through its [Inbox] and runs on the worker's
//     own thread. Only its worker writes a [statistics.Counter]; anyone can read it.
//   - Nothing here makes a worker's thread wait: not for the resolver, the log, the service
//     manager, or a client that asks for metrics.
package crew

import (
	"sync"
	"sync/atomic"
	"time"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/statistics"
)

// Member is a worker as its crew sees it. The crew posts calls of Sample, Retire, Resume and
// Stop to the worker's inbox, so they run on the worker's own thread.
type Member interface {
	Inbox() *Inbox
	Counters() *statistics.Counters
	// Sample returns how the worker is doing.
	Sample() statistics.Sample
	// Retire makes the worker stop accepting, and call Crew.Quiet once none of its accepts
	// can bring a client any more. Its connections go on.
	Retire()
	// Resume makes it accept again.
	Resume()
	// Stop makes it stop accepting, reset its connections, and end.
	Stop()
	// LongestSilent returns how long nothing has moved on the half-open connection that
	// has been silent longest; false if the worker has none that may be given up.
	LongestSilent() (time.Duration, bool)
	// GiveUpLongestSilent resets that connection if it has been silent for long enough
	// (GiveUpAfter), and reports whether it did.
	GiveUpLongestSilent() bool
}

// Crew is an engine's workers, which share the connections and end together. Each accepts
// on all listeners; the clients that are let in go to the worker with the fewest
// connections.
//
// An engine calls Hire to make the workers, and Serve to run them. A worker takes the
// clients in its inbox.
type Crew struct {
	policy   *forward.Policy
	services *Services
	spread   *spread
	members  []Member                            // complete before any of them runs
	samples  []atomic.Pointer[statistics.Sample] // what each has said last
	door     door

	mu    sync.Mutex
	phase phase
	quiet int // members that have stopped accepting, while retiring or draining

	threads threads

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

// Client is an accepted client on its way to its worker. It has been let in, unless it is
// in Services.Clients.
type Client struct {
	Route *forward.Route
	FD    int // owned by whoever holds the Client
	// Reserve keeps a descriptor for its target where descriptors may run out; 0 if there
	// is none. Owned like FD.
	Reserve int
}

// Verdict is what happens to a client that has been accepted.
type Verdict uint8

const (
	Refused Verdict = iota // it is to be closed
	LetIn
	Waits // the crew owns it now, and will let it in or close it
)

// New returns a crew for policy.Workers members, still to join. It takes the place of
// one whose engine could not be set up, some of whose members may have joined.
func New(policy *forward.Policy, services *Services) *Crew {
	c := &Crew{policy: policy, services: services, spread: newSpread(policy.Workers),
		samples: make([]atomic.Pointer[statistics.Sample], policy.Workers)}
	services.Pulse.serve(c)
	services.Gate.serve(c)
	return c
}

// Join adds the next member; the first is number 0.
func (c *Crew) Join(m Member) {
	c.members = append(c.members, m)
	c.services.Pulse.watch(m.Counters())
}

// Admit decides on a client that a worker has accepted, and tells which worker is to
// have it. Each one that was let in is given back by Leave, or by Dismiss.
func (c *Crew) Admit(client Client, worker int, counters *statistics.Counters) (to int, verdict Verdict) {
	switch {
	case c.door.empty() && c.services.Gate.Admit():
		counters.Accepted.Add(1)
		return c.spread.Choose(worker), LetIn
	case c.wait(client, worker):
		return worker, Waits
	}
	c.refuse(client, counters)
	return worker, Refused
}

// refuse counts a client that is turned away.
func (c *Crew) refuse(client Client, counters *statistics.Counters) {
	counters.Refused.Add(1)
	c.services.Reports.Refused(client.Route.Listener)
}

// Keep has the worker that has accepted a client serve it, instead of the one that was
// chosen.
func (c *Crew) Keep(worker, chosen int) { c.spread.Move(chosen, worker) }

// HandOver sends a client to another worker.
func (c *Crew) HandOver(client Client, to int) {
	if !c.members[to].Inbox().Hand(client) { // it has ended
		c.Dismiss(client, to)
	}
}

// Dismiss closes a client whose worker ends, as it does those it serves.
func (c *Crew) Dismiss(client Client, worker int) {
	var sockets socket.System
	if c.policy.LogConnections {
		account := report.NewAccount(sockets.Peer(client.FD))
		c.services.Reports.Closed(account, client.Route, nil, 0, 0, report.Stopped)
	}
	sockets.ResetOnClose(client.FD)
	sockets.Close(client.FD)
	if client.Reserve > 0 {
		sockets.Close(client.Reserve)
	}
	c.Leave(worker, HalfOpen{})
}

// Leave gives the place of a worker's connection back, once it is closed.
func (c *Crew) Leave(worker int, h HalfOpen) {
	c.spread.Leave(worker)
	if h.is {
		c.door.halfOpen.Add(-1)
	}
	c.services.Gate.Release(h.dormant)
	c.leftOne()
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
			c.services.Log.Debug("worker ended", "worker", i, "served", m.Counters().Served.Load())
		}
	}
	return fault
}

// Counters are the sums of the members' counts; anyone may read them.
func (c *Crew) Counters() (sum statistics.Counts) {
	sum.Of[statistics.Accepted] = c.door.admitted.Load()
	for _, m := range c.members {
		sum.Add(m.Counters())
	}
	return sum
}
