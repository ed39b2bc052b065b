package ring

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/ring/uring"
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

// untilAlarm is how long the worker may sleep.
func (w *worker) untilAlarm() time.Duration {
	if w.timed {
		return w.wheel.Next(w.now)
	}
	return uring.Forever
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
	case c.finished(): // over, but for what is in flight
	case c.state == stateForwarding:
		w.stoodIdle(c)
	case c.retrying:
		c.retrying = false
		w.resolve(c)
	case c.connecting:
		c.timedOut = true
		w.cancel(c.userData(opConnect))
	case c.state == stateConnecting: // about to be tried again
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
	w.watch(&c.toTarget, opWatchClient)
	return true
}

// watchedEvents are what a watch is for: errors, and while the client may have to wait
// long, its leaving.
func (w *worker) watchedEvents(c *connection) uint32 {
	if w.policy.Timeouts.Retry > 0 && c.state != stateForwarding {
		return unix.POLLRDHUP
	}
	return 0
}

// hasLeft tells whether a client that has ended its stream is not worth waiting for a
// target: it has asked for nothing.
func (w *worker) hasLeft(c *connection, events int32) bool {
	return c.retrying && events&(unix.POLLRDHUP|unix.POLLHUP) != 0 && !w.sockets.Pending(c.client) && !c.prologue.HasPayload()
}
