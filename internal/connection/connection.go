// Package connection owns what a connection does apart from its bytes, from accept to close,
// for both engines: one life, which a [Keeper] leads for all connections of a worker, and two
// movers. An engine embeds a [Connection] and its two [Half] values in what it knows about a
// connection itself, embeds the Keeper in its worker, and gives it a [Mover]: the part that
// depends on the kernel interface. The Keeper calls the Mover a few times for each
// connection, and never for a message.
//
// Invariants:
//   - A connection belongs to one worker; everything here runs on its thread, except what is
//     said to come through its inbox.
//   - Where only one of several conditions can hold, they are one value: [State].
package connection

import (
	"time"

	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/wheel"
)

// NoFD stands for a descriptor that is not open.
const NoFD = -1

// Connection joins a client to a target. Only its worker touches it, from accept to close.
type Connection struct {
	Slot       uint32
	Generation uint32 // counts the slot's uses
	State      State
	Route      *forward.Route

	// Client and Target are its sockets, owned; NoFD when not open. Until there is a
	// target, its descriptor may be a reserve.
	Client, Target Side
	halves         [2]*Half // to the target, and to the client

	Dial     Dial      // of the target's addresses
	Prologue *Prologue // nil if there is none, or it is with the target

	account  *report.Account // nil unless connections are logged
	Outcome  report.Outcome
	Passing  bool // passes descriptors on
	closings int  // times that another thread has been asked to close something, and is not done

	alarm    wheel.Alarm
	since    wheel.Tick    // when it was accepted
	began    time.Duration // the same by the stopwatch
	Silence  Silence       // since when nothing has moved
	halfOpen halfOpen
	place    backlogPlace // in line for a target's backlog
	tries    uint8        // to reach the target, that have failed
	lookups  uint32       // of the target's name, that have begun
	looks    uint8        // that have found it waiting for its target
	early    int          // bytes that have travelled with the connect
	watched  bool         // the mover watches its client
	Broken   bool         // to be closed with a reset
}

// Bind makes two halves those of a slot, for good.
func (c *Connection) Bind(toTarget, toClient *Half) { c.halves = [2]*Half{toTarget, toClient} }

// begin makes a free slot the connection of a client.
func (c *Connection) begin(slot uint32, client crew.Client) {
	*c = Connection{
		Slot: slot, Generation: c.Generation + 1, State: Free, Route: client.Route,
		Client: Side{FD: client.FD, TCP: socket.IsIP(client.Route.Listener.Family)},
		Target: Side{FD: NoFD},
		halves: c.halves,
		alarm:  wheel.Alarm{Connection: slot},
	}
	if client.Reserve > 0 {
		c.Target.FD = client.Reserve
	}
	*c.halves[0] = Half{Connection: c, Source: &c.Client, Destination: &c.Target}
	*c.halves[1] = Half{Connection: c, Source: &c.Target, Destination: &c.Client}
}

// ToTarget is the half that receives from the client.
func (c *Connection) ToTarget() *Half { return c.halves[0] }

// ToClient is the half that receives from the target.
func (c *Connection) ToClient() *Half { return c.halves[1] }

// Finished tells that neither half has anything left to do.
func (c *Connection) Finished() bool { return c.halves[0].Done && c.halves[1].Done }

// Holds tells whether something that was received is still to be sent.
func (c *Connection) Holds() bool { return c.halves[0].Held+c.halves[1].Held > 0 }

// Moved is how many bytes have been sent, either way.
func (c *Connection) Moved() uint64 { return c.halves[0].Moved + c.halves[1].Moved }
