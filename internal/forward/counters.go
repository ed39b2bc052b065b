package forward

import "sync/atomic"

// Counter is written by one worker and may be read by anyone: a plain load and
// store on the hot path instead of a locked add.
type Counter struct{ value atomic.Uint64 }

// Add is for the owner only.
func (c *Counter) Add(n uint64) { c.value.Store(c.value.Load() + n) }

// Load is for anyone.
func (c *Counter) Load() uint64 { return c.value.Load() }

// Counters are a worker's counts since start.
type Counters struct {
	Accepted      Counter // clients accepted and let in, whoever serves them
	Served        Counter // connections that the worker has had
	Ended         Counter // ... and that are over, and out of the gate
	Refused       Counter // connections turned away at the limit
	GivenUp       Counter // half-open connections reset at the limit, in favour of new clients
	Failed        Counter // connections whose target could not be reached
	Broken        Counter // connections that ended with a reset or an error
	BadHeader     Counter // connections reset for what should have been a PROXY header
	BytesToTarget Counter
	BytesToClient Counter
	Passed        Counter // descriptors passed on
	TimedOut      Counter // connections reset after the idle timeout
	Retried       Counter // times that a target was tried again
	Starved       Counter // times a receive found no free buffer
	Parked        Counter // times a slow half's bytes were moved out of the pool
	Stale         Counter // completions of an operation whose slot was reused

	Connects Histogram // from accept to the target, of those who have reached it
	Lives    Histogram // from accept to close
}

// Counts are what the Counters of several workers come to.
type Counts struct {
	Accepted, Refused, Failed, Broken uint64
	GivenUp                           uint64
	TimedOut, Retried                 uint64
	BadHeader                         uint64
	BytesToTarget, BytesToClient      uint64
	Starved, Parked                   uint64
	Connects, Lives                   Distribution
	Passed                            uint64
}

func (s *Counts) add(c *Counters) {
	s.Accepted += c.Accepted.Load()
	s.Refused += c.Refused.Load()
	s.GivenUp += c.GivenUp.Load()
	s.Failed += c.Failed.Load()
	s.Broken += c.Broken.Load()
	s.TimedOut += c.TimedOut.Load()
	s.Retried += c.Retried.Load()
	s.BadHeader += c.BadHeader.Load()
	s.BytesToTarget += c.BytesToTarget.Load()
	s.BytesToClient += c.BytesToClient.Load()
	s.Starved += c.Starved.Load()
	s.Parked += c.Parked.Load()
	s.Connects.add(&c.Connects)
	s.Lives.add(&c.Lives)
	s.Passed += c.Passed.Load()
}
