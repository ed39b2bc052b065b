// Package statistics has what workers count, and the one table of how the counts are
// reported: in the log, by --metrics=, in STATUS= and in the live view.
//
// A worker counts in fields of its own, by a plain load and store. Everything else here
// serves readers of the counts, which is rare.
package statistics

import "sync/atomic"

// Counter is written by one worker and can be read by any goroutine: a plain load and
// store on the hot path instead of a locked add.
type Counter struct{ value atomic.Uint64 }

// Add must only be called by the owner.
func (c *Counter) Add(n uint64) { c.value.Store(c.value.Load() + n) }

// Load can be called by any goroutine.
func (c *Counter) Load() uint64 { return c.value.Load() }

// Counters are a worker's counts since start. [Totals] explains each of them, except the
// first two, which show how many connections the worker has.
type Counters struct {
	Served        Counter // connections that the worker has had
	Ended         Counter // ... and that have ended and left the gate
	Accepted      Counter
	Refused       Counter
	Failed        Counter
	Broken        Counter
	BytesToTarget Counter
	BytesToClient Counter
	TimedOut      Counter
	Retried       Counter
	GivenUp       Counter
	BadHeader     Counter
	Starved       Counter
	Parked        Counter
	Stale         Counter
	Passed        Counter

	Connects Histogram // from accept to the target, for connections that have reached it
	Lives    Histogram // from accept to close
}

// Work grows whenever the worker does anything.
func (c *Counters) Work() uint64 {
	return c.Accepted.Load() + c.Served.Load() + c.Ended.Load() + c.Refused.Load() + c.BytesToTarget.Load() + c.BytesToClient.Load()
}

// Counts are the sums of the Counters of several workers.
type Counts struct {
	Of              [totals]uint64 // indexed like Totals
	Connects, Lives Distribution
}

// Add adds what a worker has counted.
func (s *Counts) Add(c *Counters) {
	for i := range Totals {
		s.Of[i] += Totals[i].of(c).Load()
	}
	s.Connects.add(&c.Connects)
	s.Lives.add(&c.Lives)
}
