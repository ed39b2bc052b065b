package soak

// neverAnswered is a target that accepts and then neither reads nor answers, until
// the client has had enough.
func neverAnswered(c *call) (client, target script) {
	c.unanswered = true
	d, sent, resets := c.stuckFor(), c.length(longest), c.random.IntN(2) == 0
	client = func(e *end) error {
		if err := e.announce(); err != nil {
			return err
		}
		go func() { _ = e.send(sent) }() // what fits
		e.stuck(d)
		if resets {
			return e.reset()
		}
		return e.Close()
	}
	target = func(e *end) error {
		e.wait(d)
		<-c.left
		// A client that closes while its kernel still has bytes for the target
		// leaves in peace: they come, and then the end.
		return e.expectBroken(resets && c.address.Transport.IsTCP())
	}
	return client, target
}
