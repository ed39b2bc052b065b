package connection

import "uring-socket-proxyd/internal/crew"

// slots are the places of a worker's connections by number, which never move. They are
// reused last in, first out, so that as few are touched as there are connections.
type slots struct {
	all    []*Connection
	unused []uint32
}

// allocate begins the connection of a client in a free slot, a new one if there is none.
func (k *Keeper) allocate(client crew.Client) *Connection {
	if len(k.slots.unused) == 0 {
		k.slots.unused = append(k.slots.unused, uint32(len(k.slots.all)))
		k.slots.all = append(k.slots.all, nil)
	}
	last := len(k.slots.unused) - 1
	slot := k.slots.unused[last]
	k.slots.unused = k.slots.unused[:last]
	c := k.mover.Begin(slot)
	k.slots.all[slot] = c
	c.begin(slot, client)
	return c
}

// InUse is the number of slots that are not free.
func (k *Keeper) InUse() int { return len(k.slots.all) - len(k.slots.unused) }

// vacate gives the slot of a closed connection back, and its place.
func (k *Keeper) vacate(c *Connection) {
	k.enter(c, Free)
	k.slots.unused = append(k.slots.unused, c.Slot)
	k.leave(c)
}

func (k *Keeper) leave(c *Connection) {
	k.Counts.Ended.Add(1)
	k.Crew.Leave(k.Index, c.halfOpen.HalfOpen)
}
