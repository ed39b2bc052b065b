package connection

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/wheel"
)

// The time limits of connections: for reaching the target, for trying again to reach
// it, for standing idle. A connection has one alarm, whose meaning follows from its
// state. Without such options there is no alarm, and no clock is read.

// ReadClock tells which alarms are due. They go off once all else that has happened is
// seen to: the program may have been stopped for longer than a limit, and what its peers
// have done meanwhile counts.
func (k *Keeper) ReadClock() {
	if k.Clocked {
		k.Now = k.Clock()
		k.Wheel.Collect(k.Now)
	}
}

// GoOff has the alarms go off that are due.
func (k *Keeper) GoOff() {
	if k.Clocked {
		k.Wheel.Fire(k.elapsed)
	}
}

// UntilAlarm is how long the worker may sleep; negative for ever.
func (k *Keeper) UntilAlarm() time.Duration {
	if k.Clocked {
		return k.Wheel.Next(k.Now)
	}
	return -1
}

// limit sets a connection's alarm, unless there is no limit.
func (k *Keeper) limit(c *Connection, d time.Duration) {
	if d > 0 {
		k.Wheel.Set(&c.alarm, k.Now, d)
	}
}

func (k *Keeper) elapsed(a *wheel.Alarm) { k.timeOver(k.slots.all[a.Connection]) }

// timeOver handles the alarm of a connection.
func (k *Keeper) timeOver(c *Connection) {
	switch {
	case c.Finished(): // over, but for what is under way
	case c.State == Forwarding:
		k.review(c)
	case c.State == WaitingToRetry:
		k.resolve(c)
	case c.State == WaitingForBacklog: // about to be tried again
		k.ConnectFailed(c, syscall.ETIMEDOUT)
	case c.State == Connecting && !k.Sockets.Closed(c.Target.FD):
		k.limit(c, time.Millisecond) // it is connected, and the mover is about to be told so
	case c.State == Connecting:
		k.mover.TimeOut(c)
	default:
		k.unreachable(c, errTimedOut)
	}
}

// review looks whether a connection has stood idle, or its peers have vanished.
func (k *Keeper) review(c *Connection) {
	next, outcome := c.Silence.review(k.Policy, k.Now, k.Sockets, c.Client, c.Target)
	switch outcome {
	case report.ClientReset:
		k.sourceBroke(c.ToTarget())
	case report.TargetReset:
		k.sourceBroke(c.ToClient())
	case report.IdleTimeout:
		k.stoodIdle(c)
	default:
		k.limit(c, next)
	}
}

// receives tells whether what a half's source may have sent is received as soon as it is
// there.
func (k *Keeper) receives(h *Half) bool {
	return h.Reading.InFlight() || !h.Done && !h.Ended() && h.Held == 0
}

// stoodIdle resets a connection on which nothing has moved for as long as that may be,
// unless there is something to move: the mover is about to be told.
func (k *Keeper) stoodIdle(c *Connection) {
	for _, h := range c.halves {
		if k.receives(h) && k.Sockets.Events(h.Source.FD, unix.POLLIN) != 0 {
			c.Silence.Active = k.Now
			k.limit(c, k.Policy.Timeouts.Idle)
			return
		}
	}
	k.Counts.TimedOut.Add(1)
	c.Outcome.Note(report.IdleTimeout)
	k.Reports.Idle(c.Route.Listener)
	k.Abort(c)
}
