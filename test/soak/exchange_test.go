package soak

// longest is what a stream carries at most: more than all buffers on its way.
const longest = 8 << 20

// exchange is a stream each way at the same time.
func exchange(c *call) (client, target script) {
	up, down := c.length(longest), c.length(longest)
	client = func(e *end) error {
		if err := e.open(); err != nil {
			return err
		}
		return e.exchange(up, down)
	}
	target = func(e *end) error { return e.exchange(down, up) }
	return client, target
}

// halfClose is a stream one way to its end, and then one the other way.
func halfClose(c *call) (client, target script) {
	first, second := c.length(longest), c.length(longest)
	begins := func(e *end) error {
		if err := e.sendAll(first); err != nil {
			return err
		}
		return e.expectAll(second)
	}
	follows := func(e *end) error {
		if err := e.expectAll(first); err != nil {
			return err
		}
		return e.sendAll(second)
	}
	return c.eitherSide(begins, follows)
}

// eitherSide gives the two scripts to client and target, whichever gets which. The
// client opens the call.
func (c *call) eitherSide(one, other script) (client, target script) {
	if c.random.IntN(2) == 0 {
		one, other = other, one
	}
	client = func(e *end) error {
		if err := e.open(); err != nil {
			return err
		}
		return one(e)
	}
	return client, other
}
