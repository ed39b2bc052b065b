package soak

// messages are questions and answers of up to 16 KiB, in turn.
func messages(c *call) (client, target script) {
	type volley struct{ question, answer int64 }
	volleys := make([]volley, 1+c.random.IntN(40))
	for i := range volleys {
		volleys[i] = volley{c.length(16 << 10), c.length(16 << 10)}
	}
	clientEnds := c.random.IntN(2) == 0
	client = func(e *end) error {
		if err := e.open(); err != nil {
			return err
		}
		for _, v := range volleys {
			if err := e.send(v.question); err != nil {
				return err
			}
			if err := e.expect(v.answer); err != nil {
				return err
			}
		}
		return e.bye(clientEnds)
	}
	target = func(e *end) error {
		for _, v := range volleys {
			if err := e.expect(v.question); err != nil {
				return err
			}
			if err := e.send(v.answer); err != nil {
				return err
			}
		}
		return e.bye(!clientEnds)
	}
	return client, target
}

// bye ends a call in peace: one side first, then the other.
func (e *end) bye(first bool) error {
	if first {
		return e.exchange(0, 0)
	}
	if err := e.expectAll(0); err != nil {
		return err
	}
	return e.endWriting()
}
