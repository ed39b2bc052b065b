package soak

// leave is a side that closes in the middle of what it is sent, without a word. The
// other must not go on for ever.
func leave(c *call) (client, target script) {
	taken := c.length(longest)
	leaves := func(e *end) error {
		if err := e.expect(taken); err != nil {
			return err
		}
		return e.Close()
	}
	return c.eitherSide(leaves, (*end).sendUntilBroken)
}
