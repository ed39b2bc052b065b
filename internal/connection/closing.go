package connection

import "uring-socket-proxyd/internal/report"

// EndHalf finishes a half that has delivered everything: its destination learns of the
// end, or of the failure, of its source. It tells whether the other half lives on.
func (k *Keeper) EndHalf(h *Half) (halfOpen bool) {
	c := h.Connection
	h.Done = true
	switch {
	case h.Input == InputFailed:
		c.Broken = true
	case h.Opposite().Done:
		// Closing the descriptor says the same.
	default:
		k.Sockets.ShutdownWrite(h.Destination.FD)
		k.beginHalfOpen(c)
		return true
	}
	return false
}

// Discard finishes a half whose bytes can no longer be delivered.
func (k *Keeper) Discard(h *Half) {
	if !h.Done {
		h.Connection.Broken = true
		k.Drop(h)
	}
}

// Drop finishes a half that delivers nothing more, and is not missed.
func (k *Keeper) Drop(h *Half) {
	h.Done = true
	if !h.Source.TCP && !h.Ended() && !h.Opposite().Done && h.Connection.State == Forwarding {
		k.Sockets.ShutdownRead(h.Source.FD) // its peer is told, if it is on a UNIX socket
	}
	k.mover.LetGo(h)
	k.ClosePassed(h)
}

// Abort ends a connection in whatever state it is, with a reset.
func (k *Keeper) Abort(c *Connection) {
	c.place.Leave() // it may not be settled at once
	k.Discard(c.ToTarget())
	k.Discard(c.ToClient())
	k.Settle(c)
}

// finish ends a connection that has not reached its target: its client is closed.
func (k *Keeper) finish(c *Connection) {
	c.ToTarget().Done, c.ToClient().Done = true, true
	k.Settle(c)
}

// Settle closes a connection that has nothing left to do and nothing under way.
func (k *Keeper) Settle(c *Connection) {
	if !c.Finished() || c.State == Free || c.State == Closing || !k.mover.AtRest(c) {
		return
	}
	if c.Passing {
		k.closeSockets(c)
	} else {
		k.close(c.Target.FD, c.Broken)
		k.close(c.Client.FD, c.Broken)
	}
	if c.Broken {
		k.Counts.Broken.Add(1)
	}
	k.closeAccount(c)
	k.Stopwatch.Ended(&k.Counts, c.began)
	k.Wheel.Cancel(&c.alarm)
	c.place.Leave()
	k.forgetPrologue(c)
	c.Dial = Dial{}
	if c.closings > 0 && k.Mode != Stopping {
		k.enter(c, Closing)
		return
	}
	k.vacate(c)
}

// endAll ends all connections with the program.
func (k *Keeper) endAll() {
	for _, c := range k.slots.all {
		switch c.State {
		case Free:
		case Closing: // waits for nobody any more
			k.vacate(c)
		default:
			k.stop(c)
		}
	}
}

// stop ends a connection with the program: in peace if its target has ended and all is
// delivered, as the end of the target's stream would have been the end of it for the
// original.
func (k *Keeper) stop(c *Connection) {
	if toTarget := c.ToTarget(); c.State == Forwarding && c.halfOpen.Dormant() && !c.Holds() && !toTarget.Done {
		k.Drop(toTarget)
		k.Settle(c)
		return
	}
	k.stopped(c)
	k.Abort(c)
}

// stopped notes that a connection ends with the program, unless it is over already.
func (k *Keeper) stopped(c *Connection) {
	if !c.Finished() {
		c.Outcome.Note(report.Stopped)
	}
}

// CutOff ends a connection that a fault of the engine has left, of which the kernel knows
// nothing any more.
func (k *Keeper) CutOff(c *Connection) {
	k.stopped(c)
	k.closeAccount(c)
	if c.State != Closing {
		k.Counts.Broken.Add(1)
		k.Stopwatch.Ended(&k.Counts, c.began)
	}
	k.enter(c, Free)
	k.leave(c)
}

// close closes a socket, with a reset if the transfer is broken.
func (k *Keeper) close(fd int, reset bool) {
	if fd == NoFD {
		return
	}
	if reset {
		k.Sockets.ResetOnClose(fd)
	}
	k.mover.Close(fd)
}

// closeAccount logs a connection that ends, if connections are logged.
func (k *Keeper) closeAccount(c *Connection) {
	k.Reports.Closed(c.account, c.Route, c.Dial.Last(), c.ToTarget().Moved, c.ToClient().Moved, c.Outcome)
	c.account = nil
}
