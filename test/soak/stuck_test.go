package soak

import (
	"errors"
	"time"
)

// stuckFor is how long somebody is.
func (c *call) stuckFor() time.Duration {
	return time.Duration(c.random.Int64N(int64(longestRound)))
}

// stuckReader takes nothing for a while, up to minutes, and then all.
func stuckReader(c *call) (client, target script) {
	d, sent := c.stuckFor(), 1+c.length(longest)
	reads := func(e *end) error {
		e.stuck(d)
		return errors.Join(e.expectAll(sent), e.endWriting())
	}
	sends := func(e *end) error {
		e.wait(d)
		return e.exchange(sent, 0)
	}
	return c.eitherSide(reads, sends)
}

// bothStuck is two that send and do not read, like a program that writes all before
// it reads its answer.
func bothStuck(c *call) (client, target script) {
	d, sent := c.stuckFor(), [2]int64{1 + c.length(longest), 1 + c.length(longest)}
	side := func(out, in int64) script {
		return func(e *end) error {
			e.wait(d)
			finished := make(chan error, 1)
			go func() { finished <- e.sendAll(out) }()
			e.call.pause(d)
			err := e.expectAll(in)
			if err != nil {
				e.Close()
			}
			return errors.Join(err, <-finished)
		}
	}
	return c.eitherSide(side(sent[0], sent[1]), side(sent[1], sent[0]))
}
