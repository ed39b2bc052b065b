package ring

import "uring-socket-proxyd/internal/forward"

// What forward/shortage.go says of a shortage, this engine does here.

// reserve sees to it that a connection can have a descriptor for its target, where
// those may run out. If not, it puts the connection in line and reports false.
func (w *worker) reserve(c *connection) bool {
	if !w.tight || c.target != noFD {
		return true
	}
	fd, err := w.newReserve()
	if err != nil {
		w.postpone(c, err)
		return false
	}
	c.target = fd
	return true
}

func (w *worker) newReserve() (int, error) {
	fd, err := w.reserveDescriptor()
	if err != nil && w.pipes.Drop() {
		fd, err = w.reserveDescriptor()
	}
	return fd, err
}

func (w *worker) reserveDescriptor() (int, error) {
	fd, err := w.sockets.Reserve(w.inbox.FD())
	if err == nil {
		if err = w.policy.Spare(fd); err != nil {
			w.sockets.Close(fd)
		}
	}
	return fd, err
}

// giveReserve makes room for the target's own descriptor.
func (w *worker) giveReserve(c *connection) {
	if c.target != noFD {
		w.sockets.Close(c.target)
		c.target = noFD
	}
}

// postpone puts a connection in line until what it needs may be there, and stops
// accepting.
func (w *worker) postpone(c *connection, err error) {
	c.state = stateResolving
	w.policy.ReportShortage(c.route.Listener, err)
	c.inLine = true
	w.postponed = append(w.postponed, waiting{&c.toTarget, c.generation})
	w.stopAccepting()
	if !w.shortage.running {
		w.start(w.shortage, forward.ShortagePause)
	}
}

// goOn lets those in line try again, in order, until one finds that there is still
// a shortage; without one, the worker accepts again.
func (w *worker) goOn() {
	line := w.postponed
	w.postponed = nil
	for i, next := range line {
		c := next.half.connection
		wanted := c.generation == next.generation && c.inLine && !c.finished()
		c.inLine = c.inLine && !wanted
		switch {
		case !wanted:
		case c.dial.Begun():
			w.connectNext(c)
		default:
			w.resolve(c)
		}
		if len(w.postponed) > 0 {
			w.postponed = append(w.postponed, line[i+1:]...)
			return
		}
	}
	for _, l := range w.listeners {
		w.accept(l)
	}
}
