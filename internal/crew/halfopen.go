package crew

import "time"

// HalfOpen is what a crew records about a connection when one side has ended its stream and
// all of it is delivered. The other side may still answer, or may never end; nobody can tell,
// so such a connection is kept while there is room. The zero value means that the connection
// is not half-open.
type HalfOpen struct {
	is      bool
	dormant bool // its target has ended: see Gate.Sleep
}

// GiveUpAfter is how long a half-open connection must have been silent before it is reset in
// favour of a new client.
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
