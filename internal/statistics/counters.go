// Package statistics has what workers count, and the one table of how that is told: in
// the log, by --metrics=, in STATUS= and by the live view.
//
// A worker counts in fields of its own, by a plain load and store. All else here is for
// whoever asks, which is seldom.
package statistics

import "sync/atomic"

// Counter is written by one worker and may be read by anyone: a plain load and
// store on the hot path instead of a locked add.
type Counter struct{ value atomic.Uint64 }

// Add is for the owner only.
func (c *Counter) Add(n uint64) { c.value.Store(c.value.Load() + n) }

// Load is for anyone.
func (c *Counter) Load() uint64 { return c.value.Load() }

// Counters are a worker's counts since start. What each one means is in [Totals], but for
// the first two, which the worker's own life is followed by.
type Counters struct {
	Served        Counter // connections that the worker has had
	Ended         Counter // ... and that are over, and out of the gate
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

	Connects Histogram // from accept to the target, of those who have reached it
	Lives    Histogram // from accept to close
}

// Work grows with anything that a worker does.
func (c *Counters) Work() uint64 {
	return c.Accepted.Load() + c.Served.Load() + c.Ended.Load() + c.Refused.Load() + c.BytesToTarget.Load() + c.BytesToClient.Load()
}

// Counts are what the Counters of several workers come to.
type Counts struct {
	Of              [totals]uint64 // by its place in Totals
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
