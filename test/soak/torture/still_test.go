package torture

import (
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// clock counts time that connections may be held to: not while the process is stopped,
// nor while this one gets no processor.
type clock struct {
	now     time.Duration
	last    time.Time
	stopped bool
}

// tick is how often the clock is looked at.
const tick = 50 * time.Millisecond

func (c *clock) tick() {
	now := time.Now()
	if !c.stopped {
		c.now += min(now.Sub(c.last), 2*tick)
	}
	c.last = now
}

// standsStill is how long nothing may happen on a connection while anybody owes
// anything, normally 8 s: longer than the kernel waits before it sends again what was
// dropped for want of room.
var standsStill = harness.Patience * 2 / 5

// lingers is how long the target of a client that broke off may take to come.
const lingers = time.Second

// watchStill looks for connections that have stood still.
func (s *stage) watchStill() {
	for e := range s.strangers {
		if s.clock.now-e.since > standsStill {
			s.violated(violationLeftAlone, nil, "one by %v has heard nothing for %v", targetKinds[e.kind].transport, standsStill)
			s.targets[e.kind].abrupt++
			e.breakOff()
		}
	}
	for _, c := range s.open {
		still := s.clock.now - c.moved
		one, other := c.ends[client], c.ends[target]
		switch {
		case one == nil: // waits for room in a backlog
		case one.left && other == nil && one.mayBreak(&end{}) && still > lingers:
			s.forget(c)
		case other == nil && still < standsStill+lingers: // perhaps one has just been left alone
		case still > standsStill:
			s.standsStill(c)
		}
	}
}

// standsStill judges a connection that stands still.
func (s *stage) standsStill(c *connection) {
	one, other := c.ends[client], c.ends[target]
	if other == nil {
		if c.abrupt { // and its client holds on
			s.forget(c)
			return
		}
		// A client that takes nothing does not see that it has been told the end.
		if t := s.targets[routes[c.plan.route].target]; t.abrupt > 0 && (one.left || one.ended) {
			t.abrupt--
			s.forget(c)
			return
		}
		one.violated(violationUnreached, "the client has sent %d bytes", one.sent)
		return
	}
	for _, e := range c.ends {
		o := e.other()
		switch {
		case e.left:
			continue
		case !o.tcp && o.left && !o.unread && e.got < o.sent && e.takesNothing():
			// It has left in peace, as its kernel tells it, and what it has sent is
			// kept for this one for as long as that does not take it.
			s.forget(c)
			return
		case o.untold(), e.missedReset():
			s.account.untold++
			s.forget(c)
			return
		case o.mayBreak(e) || o.left && e.awaitsBreak():
			e.violated(e.lostBreak(), "the %v was not told that the %v has gone", e.who, o.who)
		case e.tracks[receiving].over():
			continue
		case e.got < o.sent:
			e.violated(violationStill, "the %v has got %d of %d bytes", e.who, e.got, o.sent)
		case (o.shut || o.left) && !e.sawEnd:
			e.violated(violationLostEnd, "the %v has got all %d bytes", e.who, e.got)
		default:
			continue
		}
		return
	}
	one.violated(violationProcess, "stands still, and nobody owes anything: the plan is wrong")
}

// awaitsBreak reports whether an end does nothing else any more.
func (e *end) awaitsBreak() bool { return e.lostBreak() != violationLostBreak }

// lostBreak is the kind of violation if an end is not told of a break.
func (e *end) lostBreak() string {
	for i, kind := range []string{sending: violationLostHold, receiving: violationLostStuck} {
		if t := &e.tracks[i]; !t.over() && t.step().name == awaitBreakStep.name {
			return kind
		}
	}
	return violationLostBreak
}

// takesNothing reports whether an end receives nothing, as its plan says.
func (e *end) takesNothing() bool {
	t := &e.tracks[receiving]
	return !t.over() && (t.step().name == takeNothingStep.name || t.step().name == awaitBreakStep.name)
}
