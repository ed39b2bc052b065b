package ring

import (
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/ring/uring"
)

// resolve finds the addresses of a connection's target: at once when they are
// literal, else through the resolver, whose answer comes back by the inbox.
func (w *worker) resolve(c *connection) {
	if addresses, ok := c.route.Target.Literal(); ok {
		w.resolved(c, addresses, nil)
		return
	}
	generation := c.generation
	w.policy.Resolver.Lookup(c.route.Target, func(addresses []target.Address, err error) {
		w.inbox.Post(func() {
			if c.generation == generation && c.state == stateResolving {
				w.resolved(c, addresses, err)
			}
		})
	})
}

func (w *worker) resolved(c *connection, addresses []target.Address, err error) {
	if err != nil {
		w.unreachable(c, err)
		return
	}
	c.dial = forward.NewDial(addresses)
	w.connectNext(c)
}

// connectNext tries the next address of a connection's target.
func (w *worker) connectNext(c *connection) {
	for address := c.dial.Next(); address != nil; address = c.dial.Next() {
		err := w.connect(c, address)
		if err == nil {
			return
		}
		c.dial.Fail(err)
	}
	w.unreachable(c, nil)
}

func (w *worker) connect(c *connection, address *target.Address) error {
	addr, length, err := w.addresses.put(c.slot, address)
	if err != nil {
		return err
	}
	// Blocking, so that io_uring waits for readiness instead of failing with
	// EAGAIN; the submitter never blocks.
	fd, err := w.sockets.Open(int(address.Family), 0)
	if err != nil {
		return err
	}
	c.target = fd
	c.state = stateConnecting
	c.inFlight++
	w.ring.Connect(fd, addr, length, uint64(c.userData(opConnect)))
	return nil
}

// connected handles the completion of a connect.
func (w *worker) connected(c *connection, completion uring.Completion) {
	c.inFlight--
	if c.finished() { // aborted meanwhile
		w.settle(c)
		return
	}
	if errno := completion.Errno(); errno != 0 {
		c.dial.Fail(errno)
		w.close(c.target, false)
		c.target = noFD
		w.connectNext(c)
		return
	}
	c.state = stateForwarding
	c.toTarget.bulk, c.toClient.bulk = !w.recvLimit, !w.recvLimit
	w.proceed(&c.toTarget)
	w.proceed(&c.toClient)
}

// unreachable ends a connection whose target cannot be reached.
func (w *worker) unreachable(c *connection, err error) {
	w.counters.Failed.Add(1)
	w.policy.ReportUnreachable(c.route, &c.dial, err)
	c.toTarget.done, c.toClient.done = true, true
	w.settle(c)
}
