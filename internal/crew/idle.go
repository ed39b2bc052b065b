package crew

import (
	"sync/atomic"
	"time"
)

// IdleClock ends a crew once there has been no connection for a while, and calls expired
// just before. As in the original, it starts when the last connection ends, never before the
// first.
//
// It costs a clock reading for each connection that ends, not a timer: its one timer checks
// when a connection last ended, and sleeps again if that is too recent.
type IdleClock struct {
	after   time.Duration
	expired func()
	end     func() // the crew, if it still is idle
	gate    *Gate
	epoch   time.Time
	since   atomic.Int64 // when a connection last ended, ns after epoch
	running atomic.Bool  // a timer is pending
}

// NewIdleClock returns a clock for a Gate. expired runs on a goroutine of its
// own, at most once for each time the gate becomes empty.
func NewIdleClock(after time.Duration, expired func()) *IdleClock {
	return &IdleClock{after: after, expired: expired, end: func() {}, epoch: time.Now()}
}

// mark is called when a connection is about to leave the gate: whoever finds the
// gate empty finds no older time.
func (c *IdleClock) mark() {
	now := int64(time.Since(c.epoch))
	for since := c.since.Load(); since < now && !c.since.CompareAndSwap(since, now); {
		since = c.since.Load()
	}
}

// start is called when the gate has become empty.
func (c *IdleClock) start() {
	if c.running.CompareAndSwap(false, true) {
		time.AfterFunc(c.after, c.check)
	}
}

// begin starts the clock from now, unless it runs already.
func (c *IdleClock) begin() {
	if c.running.CompareAndSwap(false, true) {
		c.mark()
		time.AfterFunc(c.after, c.check)
	}
}

func (c *IdleClock) check() {
	idle := time.Since(c.epoch) - time.Duration(c.since.Load())
	if c.gate.Busy() == 0 && idle < c.after {
		time.AfterFunc(c.after-idle, c.check)
		return
	}
	c.running.Store(false)
	if c.gate.Busy() > 0 {
		return
	}
	// A connection may have come and gone between the looks, while start saw
	// a running timer.
	if idle = time.Since(c.epoch) - time.Duration(c.since.Load()); idle < c.after {
		if c.running.CompareAndSwap(false, true) {
			time.AfterFunc(c.after-idle, c.check)
		}
		return
	}
	c.expired()
	c.end()
}
