package connection

import (
	"uring-socket-proxyd/internal/resolver"
	"uring-socket-proxyd/internal/socket"
)

// resolve finds the addresses of a connection's target: at once when they are
// literal, else through the resolver, whose answer comes back by the inbox.
func (k *Keeper) resolve(c *Connection) {
	k.enter(c, Resolving)
	if !k.watch(c) || !k.reserve(c) || !k.introduce(c) {
		return
	}
	k.limit(c, k.Policy.Timeouts.Connect)
	if addresses, ok := c.Route.Target.Literal(); ok {
		k.resolved(c, resolver.Answer{Addresses: addresses})
		return
	}
	k.lookUp(c)
}

// watch has the mover watch a client from now on. Without the memory for that it waits, as
// for a descriptor.
func (k *Keeper) watch(c *Connection) bool {
	if c.watched {
		return true
	}
	if err := k.mover.Watch(c, ForErrors); err != nil {
		k.postpone(c, err)
		return false
	}
	c.watched = true
	return true
}

// lookUp asks for the addresses of a connection's target, or for all of them if those of
// one family were of no use. Only the answer to the last question counts, and none once the
// connection has been given up.
func (k *Keeper) lookUp(c *Connection) {
	c.lookups++
	generation, lookup := c.Generation, c.lookups
	k.Resolver.Lookup(c.Route.Target, c.Dial.Partial(), func(answer resolver.Answer) {
		k.Box.Post(func() {
			if c.Generation == generation && c.lookups == lookup && c.State == Resolving && !c.Finished() {
				k.resolved(c, answer)
			}
		})
	})
}

func (k *Keeper) resolved(c *Connection, answer resolver.Answer) {
	switch {
	case socket.Shortage(answer.Err):
		k.postpone(c, answer.Err)
	case answer.Err != nil:
		k.unreachable(c, answer.Err)
	default:
		c.Dial.Extend(answer)
		k.connectNext(c)
	}
}
