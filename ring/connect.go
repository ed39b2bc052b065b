package ring

import (
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/ring/uring"
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
		err := w.connect(c, address)
		switch {
		case err == nil, w.gaveUp(c, err):
			return
		case forward.Shortage(err):
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

func (w *worker) connect(c *connection, address *target.Address) error {
	if err := w.addresses.put(c.slot, address); err != nil {
		return err
	}
	w.giveReserve(c)
	w.closeFirst()
	fd, err := w.openTarget(address)
	if err != nil {
		return err
	}
	c.target = fd
	if c.passing {
		w.sockets.Prepare(fd)
	}
	if err = w.fit(c); err == nil && address.Family != unix.AF_UNIX {
		err = w.begin(c)
	}
	if err != nil {
		w.close(fd, false)
		c.target = noFD
		return err
	}
	c.state = stateConnecting
	c.toClient.sourceIP = socket.IsIP(int(address.Family))
	w.limit(c, w.policy.Timeouts.Connect)
	if address.Family == unix.AF_UNIX {
		w.connectUNIX(c)
	} else {
		w.submitConnect(c)
	}
	return nil
}

// openTarget makes the socket that is to be connected to an address: a blocking one, so
// that io_uring waits for readiness instead of failing with EAGAIN, which never blocks the
// submitter; but for UNIX sockets, see backlog.go.
func (w *worker) openTarget(address *target.Address) (fd int, err error) {
	flags := 0
	if address.Family == unix.AF_UNIX {
		flags = unix.SOCK_NONBLOCK
	}
	fd, err = w.sockets.Open(int(address.Family), flags)
	if err != nil && w.pipes.Drop() {
		fd, err = w.sockets.Open(int(address.Family), flags)
	}
	return fd, err
}

// submitConnect has the ring connect, or wait for the connect that has begun outside it.
func (w *worker) submitConnect(c *connection) {
	c.inFlight++
	c.connecting = true
	if c.begun {
		w.ring.Poll(c.target, unix.POLLOUT, uint64(c.userData(opConnect)))
		return
	}
	addr, length := w.addresses.at(c.slot)
	w.ring.Connect(c.target, addr, length, uint64(c.userData(opConnect)))
}

// connected handles the completion of a connect.
func (w *worker) connected(c *connection, completion uring.Completion) {
	c.inFlight--
	c.connecting = false
	if c.finished() { // aborted meanwhile
		w.settle(c)
		return
	}
	errno, timedOut := completion.Errno(), c.timedOut
	c.timedOut = false
	if errno == 0 && c.begun {
		if errno = w.sockets.Connected(c.target); errno == unix.EINPROGRESS && !timedOut {
			w.submitConnect(c)
			return
		}
	}
	switch {
	case errno != 0 && timedOut:
		w.connectFailed(c, syscall.ETIMEDOUT)
	case errno == syscall.ECANCELED, errno == syscall.EINTR: // not by us
		w.submitConnect(c)
	case c.dial.Taken(errno): // the target took the connection, and has reset it
		c.outcome.Note(forward.TargetReset)
		c.state = stateForwarding
		w.abort(c)
	case errno != 0:
		w.connectFailed(c, errno)
	case c.toClient.sourceIP && w.sockets.MetItself(c.target, c.dial.Current()):
		// Nobody listens there; and as long as this socket has the port, nobody can.
		w.sockets.ResetOnClose(c.target)
		w.connectFailed(c, syscall.ECONNREFUSED)
	default:
		w.reached(c)
	}
}

// reached goes on with a connection whose target is connected.
func (w *worker) reached(c *connection) {
	c.state = stateForwarding
	w.stopwatch.Connected(&w.counters, c.began)
	w.wheel.Cancel(&c.alarm)
	w.limit(c, w.policy.FirstReview(&c.silence, w.now))
	w.hearAgain(c)
	c.toTarget.bulk, c.toClient.bulk = !w.recvLimit, !w.recvLimit
	w.takeEarly(c)
	w.sendPrologue(c)
	w.proceed(&c.toTarget)
	w.proceed(&c.toClient)
}

// connectFailed goes on to the next address, or tries the same one again after a
// shortage.
func (w *worker) connectFailed(c *connection, err error) {
	c.place.Leave()
	w.close(c.target, false)
	c.target = noFD
	if forward.Shortage(err) {
		c.dial.Again()
		w.postpone(c, err)
		return
	}
	c.dial.Fail(err)
	w.connectNext(c)
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
