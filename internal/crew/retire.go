package crew

// How a crew ends: at once by Stop, when nobody is connected by StopIfIdle, or once
// nobody is connected any more by Drain. For the latter two, all members stop
// accepting. From then on no connection can be let in, so what the gate says when
// the last of them has stopped is exact, whoever has or hands over what.

// Stop ends all members. From any goroutine, more than once.
func (c *Crew) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop()
}

func (c *Crew) stop() {
	if c.phase != phaseStopping {
		c.phase = phaseStopping
		c.door.shut(c)
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

// Drain makes all members stop accepting, and ends them once the connections that
// are there have ended. From any goroutine.
func (c *Crew) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case phaseServing:
		c.quiet = 0
		c.order(Member.Retire)
	case phaseRetiring: // they stop accepting already
	default:
		return
	}
	c.phase = phaseDraining
	c.door.shut(c)
}

// Quiet is called by each member once after Retire.
func (c *Crew) Quiet() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet++
	switch {
	case c.quiet < len(c.members):
	case c.phase == phaseDraining:
		if c.services.StoppedAccepting != nil {
			c.services.StoppedAccepting()
		}
		c.draining.Store(true) // before the look at the gate: see leftLast
		c.stopIfEmpty()
	case c.phase != phaseRetiring:
	case c.services.Gate.Busy() == 0:
		c.stop()
	default:
		c.phase = phaseServing
		c.order(Member.Resume)
	}
}

// leftLast is called after a connection has left the gate. Whoever empties it after
// the crew has begun to drain, sees that it has; before, the crew sees the empty gate.
func (c *Crew) leftLast() {
	if c.draining.Load() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stopIfEmpty()
	}
}

func (c *Crew) stopIfEmpty() {
	if c.services.Gate.Current() == 0 {
		c.stop()
	}
}

// order posts an order to all members, under the lock, so that each gets all
// orders in the order in which they were given.
func (c *Crew) order(what func(Member)) {
	for _, m := range c.members {
		m.Inbox().Post(func() { what(m) })
	}
}
