package soak

import (
	"encoding/binary"
	"time"
)

// trickle is a sender of one byte at a time (slowloris).
func trickle(c *call) (client, target script) {
	bytes, pause := 1+c.random.Int64N(200), time.Duration(c.random.Int64N(int64(time.Second)))
	trickles := func(e *end) error {
		for range bytes {
			e.stuck(pause)
			if err := e.send(1); err != nil {
				return err
			}
		}
		return e.bye(true)
	}
	takes := func(e *end) error {
		e.wait(time.Duration(bytes) * pause)
		if err := e.expect(bytes); err != nil {
			return err
		}
		return e.bye(false)
	}
	return c.eitherSide(trickles, takes)
}

// lateAnnouncement is a client that lets the target wait for its first bytes, and
// then for each of them.
func lateAnnouncement(c *call) (client, target script) {
	const most = longestRound / 8
	pause, up, down := time.Duration(c.random.Int64N(int64(most))), c.length(64<<10), c.length(64<<10)
	client = func(e *end) error {
		var number [8]byte
		binary.LittleEndian.PutUint64(number[:], c.number)
		for i := range number {
			e.stuck(pause)
			if _, err := e.Write(number[i : i+1]); isBroken(err) {
				return errTurnedAway
			} else if err != nil {
				return err
			}
		}
		if err := e.awaitGreeting(); err != nil {
			return err
		}
		return e.exchange(up, down)
	}
	return client, func(e *end) error { return e.exchange(down, up) }
}
