package forward

// How a crew ends: at once by Stop, or by StopIfIdle when nobody is connected. For
// that, all members stop accepting. From then on no connection can be let in, so
// what the gate says when the last of them has stopped is exact, whoever has or
// hands over what: either all end, or all go on.

// Stop ends all members. From any goroutine, more than once.
func (c *Crew) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop()
}

func (c *Crew) stop() {
	if c.phase != phaseStopping {
		c.phase = phaseStopping
		c.order(Member.Stop)
	}
}

// StopIfIdle ends all members, or none if there is a connection. From any
// goroutine.
func (c *Crew) StopIfIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	// If they are about to find out, they see what the caller has seen.
	if c.phase == phaseServing {
		c.phase, c.quiet = phaseRetiring, 0
		c.order(Member.Retire)
	}
}

// Quiet is called by each member once after Retire.
func (c *Crew) Quiet() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet++
	switch {
	case c.phase != phaseRetiring || c.quiet < len(c.members):
	case c.policy.Gate.Current() == 0:
		c.stop()
	default:
		c.phase = phaseServing
		c.order(Member.Resume)
	}
}

// order posts an order to all members, under the lock, so that each gets all
// orders in the order in which they were given.
func (c *Crew) order(what func(Member)) {
	for _, m := range c.members {
		m.Inbox().Post(func() { what(m) })
	}
}
