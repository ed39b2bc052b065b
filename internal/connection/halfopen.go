package connection

import (
	"time"

	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/wheel"
)

// halfOpen is what is kept of a connection one side of which has ended, for when there is
// no room for a new client. Its zero value is of one that is not.
type halfOpen struct {
	crew.HalfOpen
	since wheel.Tick // when bytes last moved, as far as it was looked
	moved uint64     // bytes that the connection had carried by then
}

// beginHalfOpen notes that one side of a connection has ended, and all of that is delivered.
func (k *Keeper) beginHalfOpen(c *Connection) {
	c.halfOpen = halfOpen{HalfOpen: k.Crew.BeginHalfOpen(c.ToClient().Done), since: k.Clock(), moved: c.Moved()}
}

// silent is for how long nothing has moved.
func (h *halfOpen) silent(now wheel.Tick, moved uint64) time.Duration {
	if moved != h.moved {
		h.since, h.moved = now, moved
	}
	return (now - h.since).Duration()
}
