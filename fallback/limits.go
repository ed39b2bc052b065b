package fallback

import (
	"syscall"
	"time"

	"uring-socket-proxyd/internal/forward"
)

// The time limits of connections: for reaching the target, for trying again to reach
// it, for standing idle. A connection has one alarm, whose meaning follows from its
// state. Without such options there is no alarm, and no clock is read.

// readClock lets alarms go off.
func (w *worker) readClock() {
	if w.timed {
		w.now = w.clock()
		w.wheel.Expire(w.now, w.elapsed)
	}
}

// untilAlarm is how long the worker may sleep, if it would for timeout (negative for
// ever).
func (w *worker) untilAlarm(timeout time.Duration) time.Duration {
	if w.timed {
		if next := w.wheel.Next(w.now); next >= 0 && (timeout < 0 || next < timeout) {
			return next
		}
	}
	return timeout
}

// limit sets a connection's alarm, unless there is no limit.
func (w *worker) limit(c *connection, d time.Duration) {
	if d > 0 {
		w.wheel.Set(&c.alarm, w.now, d)
	}
}

// elapsed handles an alarm.
func (w *worker) elapsed(a *forward.Alarm) {
	c := w.connections.At(a.Connection)
	switch {
	case c.state == stateForwarding:
		w.stoodIdle(c)
	case c.retrying:
		c.retrying = false
		w.resolve(c)
	case c.state == stateConnecting:
		w.connectFailed(c, syscall.ETIMEDOUT)
	default:
		w.unreachable(c, forward.ErrTimedOut)
	}
}

// stoodIdle resets a connection on which nothing has moved for as long as that may be.
func (w *worker) stoodIdle(c *connection) {
	idle := time.Duration(w.now-c.active) * time.Millisecond
	if left := w.policy.Timeouts.Idle - idle; left > 0 {
		w.limit(c, left)
		return
	}
	w.counters.TimedOut.Add(1)
	c.outcome.Note(forward.IdleTimeout)
	w.policy.ReportIdle(c.route.Listener)
	w.abort(c)
}

// retry has a connection whose target cannot be reached try again in a while. It
// reports false when the time for that is over.
func (w *worker) retry(c *connection) bool {
	waited := time.Duration(w.now-c.since) * time.Millisecond
	wait, ok := w.policy.Timeouts.Backoff(int(c.tries), waited)
	if !ok || c.finished() {
		return false
	}
	if c.tries == 0 {
		w.policy.ReportWaiting(c.route)
	}
	c.tries = min(c.tries+1, 100) // it is long enough a wait by then
	w.counters.Retried.Add(1)
	c.state, c.retrying, c.inLine = stateResolving, true, false
	c.dial = forward.Dial{}
	w.wheel.Set(&c.alarm, w.now, wait)
	w.checkLeft(c)
	return true
}

// checkLeft ends a connection whose client has ended its stream while it waits for a
// target, if it is not worth waiting: the client has asked for nothing.
func (w *worker) checkLeft(c *connection) {
	if c.retrying && c.client.ended && !w.sockets.Pending(c.client.fd) && !c.prologue.HasPayload() {
		c.outcome.Note(forward.ClientLeft)
		w.abort(c)
	}
}
