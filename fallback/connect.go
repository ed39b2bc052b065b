package fallback

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// resolve finds the addresses of a connection's target: at once when they are
// literal, else through the resolver, whose answer comes back by the inbox.
func (w *worker) resolve(c *connection) {
	if !w.reserve(c) || !w.introduce(c) {
		return
	}
	w.limit(c, w.policy.Timeouts.Connect)
	if addresses, ok := c.route.Target.Literal(); ok {
		w.resolved(c, forward.Answer{Addresses: addresses})
		return
	}
	w.lookUp(c)
}

// lookUp asks for the addresses of a connection's target, or for all of them if those of
// one family were of no use. Only the answer to the last question counts, and none once the
// connection has been given up.
func (w *worker) lookUp(c *connection) {
	c.lookups++
	generation, lookup := c.generation, c.lookups
	w.policy.Resolver.Lookup(c.route.Target, c.dial.Partial(), func(answer forward.Answer) {
		w.inbox.Post(func() {
			if c.generation == generation && c.lookups == lookup && c.state == stateResolving && !c.retrying && !c.finished() {
				w.resolved(c, answer)
			}
		})
	})
}

func (w *worker) resolved(c *connection, answer forward.Answer) {
	switch {
	case forward.Shortage(answer.Err):
		w.postpone(c, answer.Err)
	case answer.Err != nil:
		w.unreachable(c, answer.Err)
	default:
		c.dial.Extend(answer)
		w.connectNext(c)
	}
}

// connectNext tries the next address of a connection's target.
func (w *worker) connectNext(c *connection) {
	for address := c.dial.Next(); address != nil; address = c.dial.Next() {
		w.giveReserve(c)
		fd, err := w.sockets.Open(int(address.Family), unix.SOCK_NONBLOCK)
		if err != nil && w.pipes.Drop() {
			fd, err = w.sockets.Open(int(address.Family), unix.SOCK_NONBLOCK)
		}
		if err == nil {
			c.target = newSide(fd, int(address.Family))
			if c.passing {
				w.sockets.Prepare(fd)
			}
			c.state = stateConnecting
			c.attempt++
			w.limit(c, w.policy.Timeouts.Connect)
			if err = w.fit(c); err == nil {
				err = w.connect(c)
			}
			if err == nil || w.gaveUp(c, err) {
				return
			}
			w.close(fd, false)
			c.target.fd = noFD
		}
		if forward.Shortage(err) {
			c.dial.Again()
			w.postpone(c, err)
			return
		}
		c.dial.Fail(err)
	}
	if c.dial.Partial() {
		c.state = stateResolving
		w.limit(c, w.policy.Timeouts.Connect)
		w.lookUp(c)
		return
	}
	w.unreachable(c, nil)
}

// connect starts to connect to the address being tried; connected follows, now or
// later, unless there is an error.
func (w *worker) connect(c *connection) error {
	if c.dial.Current().Family == unix.AF_UNIX {
		return w.connectUNIX(c)
	}
	switch err := w.begin(c); err {
	case nil:
		if err := w.watch(c, &c.target); err != nil {
			return err
		}
		w.connected(c)
		return nil
	case unix.EINPROGRESS, unix.EINTR: // an interrupted connect goes on
		return w.watch(c, &c.target)
	default:
		return err
	}
}

// connecting handles an event of a socket that is being connected.
func (w *worker) connecting(c *connection) {
	errno, err := unix.GetsockoptInt(c.target.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		w.connectFailed(c, err)
	case c.dial.Taken(unix.Errno(errno)): // the target took the connection, and has reset it
		c.outcome.Note(forward.TargetReset)
		w.abort(c)
	case errno != 0:
		w.connectFailed(c, unix.Errno(errno))
	case !c.target.writable:
	case c.target.tcp && w.sockets.MetItself(c.target.fd, c.dial.Current()):
		// Nobody listens there; and as long as this socket has the port, nobody can.
		w.sockets.ResetOnClose(c.target.fd)
		w.connectFailed(c, unix.ECONNREFUSED)
	default:
		w.connected(c)
	}
}

func (w *worker) connectFailed(c *connection, err error) {
	c.place.Leave()
	w.close(c.target.fd, false)
	c.target.fd = noFD
	if forward.Shortage(err) {
		c.dial.Again()
		w.postpone(c, err)
		return
	}
	c.dial.Fail(err)
	w.connectNext(c)
}

func (w *worker) connected(c *connection) {
	c.state = stateForwarding
	w.stopwatch.Connected(&w.counters, c.began)
	w.wheel.Cancel(&c.alarm)
	w.limit(c, w.policy.FirstReview(&c.silence, w.now))
	c.target.writable = true
	w.takeEarly(c)
	w.sendPrologue(c)
	w.proceed(&c.toTarget)
	if c.state == stateForwarding { // or the first half has settled it
		w.proceed(&c.toClient)
	}
}

// unreachable ends a connection whose target cannot be reached, or has it try again.
func (w *worker) unreachable(c *connection, err error) {
	if w.retry(c) {
		return
	}
	w.counters.Failed.Add(1)
	c.outcome.Note(forward.TargetUnreachable)
	w.policy.ReportUnreachable(c.route, &c.dial, err)
	c.toTarget.done, c.toClient.done = true, true
	w.settle(c)
}
