package ring

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
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
	// Blocking, so that io_uring waits for readiness instead of failing with
	// EAGAIN; the submitter never blocks.
	fd, err := w.sockets.Open(int(address.Family), 0)
	if err != nil && w.pipes.Drop() {
		fd, err = w.sockets.Open(int(address.Family), 0)
	}
	if err != nil {
		return err
	}
	c.target = fd
	if c.passing {
		w.sockets.Prepare(fd)
	}
	if err = w.fit(c); err == nil {
		err = w.begin(c)
	}
	if err != nil {
		w.close(fd, false)
		c.target = noFD
		return err
	}
	c.state = stateConnecting
	w.limit(c, w.policy.Timeouts.Connect)
	w.submitConnect(c)
	return nil
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
		return
	case errno == syscall.ECANCELED, errno == syscall.EINTR:
		// Not by us. The kernel gives up a connect to a UNIX socket with a
		// full backlog when it has no thread to wait with, or a signal comes.
		w.retryConnect(c)
		return
	case c.dial.Taken(errno): // the target took the connection, and has reset it
		c.outcome.Note(forward.TargetReset)
		c.state = stateForwarding
		w.abort(c)
		return
	case errno != 0:
		w.connectFailed(c, errno)
		return
	}
	c.state = stateForwarding
	w.stopwatch.Connected(&w.counters, c.began)
	c.active = w.now
	w.wheel.Cancel(&c.alarm)
	w.limit(c, w.policy.Timeouts.Idle)
	w.hearAgain(c)
	c.toTarget.bulk, c.toClient.bulk = !w.recvLimit, !w.recvLimit
	w.takeEarly(c)
	w.sendPrologue(c)
	w.proceed(&c.toTarget)
	w.proceed(&c.toClient)
}

// connectFailed goes on to the next address, or tries the same one again after a
// shortage.
func (w *worker) connectFailed(c *connection, errno syscall.Errno) {
	w.close(c.target, false)
	c.target = noFD
	if forward.Shortage(errno) {
		c.dial.Again()
		w.postpone(c, errno)
		return
	}
	c.dial.Fail(errno)
	w.connectNext(c)
}

// backlogPause is how long to wait before a connect is tried again.
const backlogPause = 10 * time.Millisecond

// retryConnect tries the same address again in a while.
func (w *worker) retryConnect(c *connection) {
	w.refused = append(w.refused, waiting{&c.toTarget, c.generation})
	if !w.backlog.running {
		w.start(w.backlog, backlogPause)
	}
}

// connectRefused tries those again that are still wanted: the time of one may have run
// out meanwhile, and its socket is closed then.
func (w *worker) connectRefused() {
	refused := w.refused
	w.refused = nil
	for _, r := range refused {
		c := r.half.connection
		if c.generation == r.generation && c.state == stateConnecting && !c.connecting && c.target != noFD && !c.finished() {
			w.submitConnect(c)
		}
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
