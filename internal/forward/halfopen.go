package forward

import "time"

// HalfOpen is what is kept of a connection one side of which has ended its stream, with all
// of that delivered. The other side may yet answer, or may never end: nobody can tell. So
// such a connection is kept while there is room. Its zero value is of one that is not.
type HalfOpen struct {
	is      bool
	dormant bool // its target has ended: see Gate.Sleep
	since   Tick // when bytes last moved, as far as it was looked
	moved   uint64
}

// GiveUpAfter is for how long nothing must have moved on a half-open connection before it
// is reset in favour of a new client.
const GiveUpAfter = 2 * time.Second

// BeginHalfOpen notes that one side has ended, the target or the client. moved are the
// bytes that the connection has carried by now.
func (c *Crew) BeginHalfOpen(h *HalfOpen, target bool, now Tick, moved uint64) {
	*h = HalfOpen{is: true, dormant: target, since: now, moved: moved}
	c.door.halfOpen.Add(1)
	if target {
		c.policy.Gate.Sleep()
	}
}

// Is tells whether a side has ended.
func (h *HalfOpen) Is() bool { return h.is }

// Dormant tells whether that is the target.
func (h *HalfOpen) Dormant() bool { return h.dormant }

// Silent is for how long nothing has moved.
func (h *HalfOpen) Silent(now Tick, moved uint64) time.Duration {
	if moved != h.moved {
		h.since, h.moved = now, moved
	}
	return (now - h.since).Duration()
}

// ReportGivenUp logs that a half-open connection is reset in favour of a new client.
func (p *Policy) ReportGivenUp(r *Route) {
	p.report(troubleGivenUp, func() []any {
		return []any{"limit", p.Limits.Connections, "listener", r.Listener.Address, "target", r.Target.String()}
	})
}
