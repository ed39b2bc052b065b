package load

// schedule says when messages are due in an open loop, regardless of earlier ones.
// A message that finds no free connection waits for one, but its latency still counts
// from the time it was due. That keeps a stalled proxy from slowing down its own
// measurement (coordinated omission).
type schedule struct {
	start int64  // nanoseconds by the loop's clock
	rate  int    // messages per second
	next  uint64 // number of the first message not sent yet
}

// at returns the time at which message i is due. It does not drift: it is computed from
// the start each time.
func (s *schedule) at(i uint64) int64 {
	const second = 1_000_000_000
	rate := uint64(s.rate)
	return s.start + int64(i/rate*second+i%rate*second/rate)
}

// recordLate records the messages that are due and have no reply: otherwise an open loop
// would miss their latencies, although they are the slowest. Their age so far is a lower
// bound. It returns their number.
func (c *client) recordLate(now int64) (late uint64) {
	if c.Rate == 0 || !c.said {
		return 0
	}
	for _, k := range c.all {
		if k.flying {
			c.latency.record(now - k.due)
			late++
		}
	}
	for i := c.schedule.next; c.schedule.at(i) <= now; i++ {
		c.latency.record(now - c.schedule.at(i))
		late++
	}
	return late
}
