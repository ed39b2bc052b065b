package soak

// reset is a connection that one side breaks, in one of many states. The other must
// be told, and never that all is well.
func reset(c *call) (client, target script) {
	if c.random.IntN(8) == 0 {
		return resetBeforeConnected(c)
	}
	states := []func(*call) (breaks, observes script){
		resetIdle, resetWhileSending, resetWhileReceiving, resetAfterOtherEnded, resetAfterOwnEnd, resetWithUnread,
	}
	return c.eitherSide(states[c.random.IntN(len(states))](c))
}

// resetBeforeConnected does not wait for the proxy to have reached the target.
func resetBeforeConnected(c *call) (client, target script) {
	announce := c.random.IntN(2) == 0
	client = func(e *end) error {
		if announce {
			if err := e.announce(); err != nil {
				return err
			}
		}
		return e.reset()
	}
	return client, func(e *end) error { return e.expectBroken(c.address.Transport.IsTCP()) }
}

func resetIdle(c *call) (breaks, observes script) {
	return (*end).reset, c.expectBroken
}

func resetWhileSending(c *call) (breaks, observes script) {
	sent := c.length(longest)
	breaks = func(e *end) error {
		if err := e.send(sent); err != nil {
			return err
		}
		return e.reset()
	}
	return breaks, c.expectBroken
}

func resetWhileReceiving(c *call) (breaks, observes script) {
	taken := c.length(longest)
	breaks = func(e *end) error {
		if err := e.expect(taken); err != nil {
			return err
		}
		return e.reset()
	}
	return breaks, (*end).sendUntilBroken
}

func resetAfterOtherEnded(c *call) (breaks, observes script) {
	sent := c.length(longest)
	breaks = func(e *end) error {
		if err := e.expectAll(sent); err != nil {
			return err
		}
		return e.reset()
	}
	observes = func(e *end) error {
		if err := e.sendAll(sent); err != nil {
			return err
		}
		return c.expectBroken(e)
	}
	return breaks, observes
}

func resetAfterOwnEnd(c *call) (breaks, observes script) {
	sent, ended := c.length(longest), make(chan struct{})
	breaks = func(e *end) error {
		if err := e.sendAll(sent); err != nil {
			return err
		}
		select {
		case <-ended:
		case <-c.left: // turned away after all
		}
		return e.reset()
	}
	observes = func(e *end) error {
		err := e.expectAll(sent)
		close(ended)
		if err != nil {
			return err
		}
		return e.sendUntilBroken()
	}
	return breaks, observes
}

// resetWithUnread closes while bytes are unread, which is a reset even of a UNIX
// socket.
func resetWithUnread(c *call) (breaks, observes script) {
	sent := 1 + c.length(64<<10)
	breaks = func(e *end) error {
		if err := e.awaitUnread(); err != nil {
			return err
		}
		return e.Close()
	}
	observes = func(e *end) error {
		if err := e.send(sent); isBroken(err) {
			return nil
		} else if err != nil {
			return err
		}
		return e.expectBroken(true)
	}
	return breaks, observes
}

// expectBroken is end.expectBroken, of the side that breaks nothing.
func (c *call) expectBroken(e *end) error {
	return e.expectBroken(c.address.Transport.IsTCP() && c.stage.target.tcp)
}
