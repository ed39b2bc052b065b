package connection

import (
	"time"

	"uring-socket-proxyd/internal/report"
)

// retry has a connection whose target cannot be reached try again in a while. It
// reports false when the time for that is over.
func (k *Keeper) retry(c *Connection) bool {
	waited := time.Duration(k.Now-c.since) * time.Millisecond
	wait, ok := k.Policy.Timeouts.Backoff(int(c.tries), waited)
	if !ok || c.Finished() {
		return false
	}
	if c.tries == 0 {
		k.Reports.Waiting(c.Route)
	}
	c.tries = min(c.tries+1, 100) // it is long enough a wait by then
	k.Counts.Retried.Add(1)
	k.enter(c, WaitingToRetry)
	c.Dial = Dial{}
	k.Wheel.Set(&c.alarm, k.Now, wait)
	// Without the memory for a watch, the next try finds out.
	_ = k.mover.Watch(c, ForLeaving)
	k.checkLeft(c)
	return true
}

// unreachable ends a connection whose target cannot be reached, or has it try again.
func (k *Keeper) unreachable(c *Connection, err error) {
	if k.retry(c) {
		return
	}
	k.Counts.Failed.Add(1)
	c.Outcome.Note(report.TargetUnreachable)
	k.Reports.Unreachable(c.Route, c.Dial.failed, err)
	k.finish(c)
}

// clientLeft ends a connection whose client has left while it waited for its target.
func (k *Keeper) clientLeft(c *Connection) {
	c.Outcome.Note(report.ClientLeft)
	k.Abort(c)
}
