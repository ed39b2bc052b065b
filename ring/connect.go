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
	slot, generation := c.slot, c.generation
	w.policy.Resolver.Lookup(c.route.Target, func(addresses []target.Address, err error) {
		w.inbox.post(func(w *worker) {
			if c := w.connections[slot]; c.generation == generation && c.state == stateResolving {
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
	c.addresses = addresses
	w.connectNext(c)
}

// connectNext tries the next address of a connection's target.
func (w *worker) connectNext(c *connection) {
	for c.next < len(c.addresses) {
		address := &c.addresses[c.next]
		c.next++
		if err := w.connect(c, address); err == nil {
			return
		} else {
			c.attempts = append(c.attempts, forward.Attempt{Address: *address, Err: err})
		}
	}
	w.unreachable(c, nil)
}

func (w *worker) connect(c *connection, address *target.Address) error {
	addr, length, err := w.addresses.put(c.slot, address)
	if err != nil {
		return err
	}
	c.target, err = w.sockets.open(int(address.Family))
	if err != nil {
		c.target = noFD
		return err
	}
	c.state = stateConnecting
	c.inFlight++
	w.ring.Connect(c.target, addr, length, uint64(c.userData(opConnect)))
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
		c.attempts = append(c.attempts, forward.Attempt{Address: c.addresses[c.next-1], Err: errno})
		w.close(c.target, false)
		c.target = noFD
		w.connectNext(c)
		return
	}
	c.state = stateForwarding
	w.proceed(&c.toTarget)
	w.proceed(&c.toClient)
}

// unreachable ends a connection whose target cannot be reached.
func (w *worker) unreachable(c *connection, err error) {
	w.counters.Failed.Add(1)
	w.policy.ReportUnreachable(*c.route, c.attempts, err)
	c.toTarget.done, c.toClient.done = true, true
	w.settle(c)
}
