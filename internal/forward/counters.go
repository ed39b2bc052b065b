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
	Accepted      Counter // connections let in
	Refused       Counter // connections turned away at the limit
	Failed        Counter // connections whose target could not be reached
	Broken        Counter // connections that ended with a reset or an error
	BytesToTarget Counter
	BytesToClient Counter
	Starved       Counter // times a receive found no free buffer
	Parked        Counter // times a slow half's bytes were moved out of the pool
	Stale         Counter // completions of an operation whose slot was reused
}
