package crew

import "time"

// HalfOpen is what a crew keeps of a connection one side of which has ended its stream, with
// all of that delivered. The other side may yet answer, or may never end: nobody can tell. So
// such a connection is kept while there is room. Its zero value is of one that is not.
type HalfOpen struct {
	is      bool
	dormant bool // its target has ended: see Gate.Sleep
}

// GiveUpAfter is for how long nothing must have moved on a half-open connection before it
// is reset in favour of a new client.
const GiveUpAfter = 2 * time.Second

// BeginHalfOpen notes that one side of a connection has ended, the target or the client.
func (c *Crew) BeginHalfOpen(target bool) HalfOpen {
	c.door.halfOpen.Add(1)
	if target {
		c.services.Gate.Sleep()
	}
	return HalfOpen{is: true, dormant: target}
}

// Is tells whether a side has ended.
func (h HalfOpen) Is() bool { return h.is }

// Dormant tells whether that is the target.
func (h HalfOpen) Dormant() bool { return h.dormant }
