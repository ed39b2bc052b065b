package fallback

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// The time limits of connections: for reaching the target, for trying again to reach
// it, for standing idle. A connection has one alarm, whose meaning follows from its
// state. Without such options there is no alarm, and no clock is read.

// readClock tells which alarms are due. They go off once all else that has happened is
// seen to: the program may have been stopped for longer than a limit, and what its peers
// have done meanwhile counts.
func (w *worker) readClock() {
	if w.timed {
		w.now = w.clock()
		w.wheel.Collect(w.now)
	}
}

// goOff has the alarms go off that are due.
func (w *worker) goOff() {
	if w.timed {
		w.wheel.Fire(w.elapsed)
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
		w.review(c)
	case c.retrying:
		c.retrying = false
		w.resolve(c)
	case c.state == stateConnecting && c.place.IsNowhere() && !w.sockets.Closed(c.target.fd):
		w.limit(c, time.Millisecond) // it is connected, and an event is about to tell
	case c.state == stateConnecting:
		w.connectFailed(c, syscall.ETIMEDOUT)
	default:
		w.unreachable(c, forward.ErrTimedOut)
	}
}

// review looks whether a connection has stood idle, or its peers have vanished.
func (w *worker) review(c *connection) {
	next, outcome := w.policy.Review(&c.silence, w.now, w.sockets,
		forward.Side{FD: c.client.fd, TCP: c.client.tcp}, forward.Side{FD: c.target.fd, TCP: c.target.tcp})
	switch outcome {
	case forward.ClientReset:
		w.sourceBroke(&c.toTarget)
	case forward.TargetReset:
		w.sourceBroke(&c.toClient)
	case forward.IdleTimeout:
		w.stoodIdle(c)
	default:
		w.limit(c, next)
	}
}

// stoodIdle resets a connection on which nothing has moved for as long as that may be,
// unless there is something to move: the worker is about to be told.
func (w *worker) stoodIdle(c *connection) {
	if w.toCome(&c.toTarget) || w.toCome(&c.toClient) {
		c.silence.Active = w.now
		w.limit(c, w.policy.Timeouts.Idle)
		return
	}
	w.counters.TimedOut.Add(1)
	c.outcome.Note(forward.IdleTimeout)
	w.policy.ReportIdle(c.route.Listener)
	w.abort(c)
}

// toCome tells whether a half that is receiving will receive something at once.
func (w *worker) toCome(h *half) bool {
	return !h.done && !h.ended && h.empty() && w.sockets.Events(h.source.fd, unix.POLLIN) != 0
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

// checkLeft ends a connection whose client has ended its stream, or closed, while it waits
// for a target, if it is not worth waiting: the client has asked for nothing. One that may
// yet be sent something is given the time that a connect takes as a rule: it may want to
// hear what the target says.
func (w *worker) checkLeft(c *connection) {
	if !c.client.ended || w.sockets.Pending(c.client.fd) || c.prologue.HasPayload() {
		return
	}
	if c.retrying || c.late || c.client.closed {
		c.outcome.Note(forward.ClientLeft)
		w.abort(c)
		return
	}
	generation := c.generation
	w.timers.start(leftPause, func() {
		if c.generation == generation && (c.state == stateResolving || c.state == stateConnecting) {
			c.late = true
			w.checkLeft(c)
		}
	})
}

// leftPause is how long a client may wait for its target that has ended its stream.
const leftPause = time.Second
