package ring

import (
	"time"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
)

// state is where a connection is in its life. What can be told from the halves
// and from inFlight is not stored again:
//
//	free ─accept─> (greeting ─>) resolving ─> connecting ─> forwarding ─both halves done, nothing in flight─> (closing ─>) free
//	                └────────────────┴─────────────┴─ no address left, or the engine stops ─────────────────┘
type state uint8

const (
	stateFree       state = iota // the slot belongs to nobody
	stateGreeting                // the client has yet to send its PROXY header
	stateResolving               // waits for the resolver, for a descriptor, or to try again; nothing is in flight
	stateConnecting              // a connect is in flight
	stateForwarding              // the target is connected
	stateClosing                 // another thread closes its sockets: see passing.go; nothing is in flight
)

// noFD stands for a descriptor that is not open.
const noFD = -1

// connection joins a client to a target. Its worker alone touches it, from
// accept to close.
type connection struct {
	slot       uint32
	generation uint32 // counts the slot's uses; part of each operation's userData
	state      state
	route      *forward.Route

	client, target int // descriptors, owned; noFD when not open. Until there is a target, its may be a reserve

	dial     forward.Dial      // of the target's addresses
	prologue *forward.Prologue // nil if there is none, or it is with toTarget

	toTarget, toClient half

	account  *forward.Account // nil unless connections are logged
	outcome  forward.Outcome
	passing  bool // passes descriptors on
	closings int  // times that another thread has been asked to close something, and is not done

	alarm    forward.Alarm
	since    forward.Tick    // when it was accepted
	began    time.Duration   // the same by the stopwatch
	silence  forward.Silence // since when nothing has moved
	halfOpen forward.HalfOpen
	place    forward.BacklogPlace // in line for a target's backlog, in stateConnecting
	tries    uint8                // to reach the target, that have failed
	lookups  uint32               // of the target's name, that have begun
	retrying bool                 // waits for the next one, in stateResolving
	inLine   bool                 // waits for a descriptor, in stateResolving
	timedOut bool                 // the connect in flight is being cancelled for that

	inFlight   int   // operations whose last completion is still to come
	connecting bool  // a connect is one of them
	begun      bool  // ... which has begun outside the ring: it is a poll for its end
	early      int   // bytes that have travelled with it
	broken     bool  // to be closed with a reset
	deaf       bool  // a side of it is not read, see watch.go
	looks      uint8 // that have found it waiting for its target

	nonblocking bool // its sockets are O_NONBLOCK, as splice needs
}

// begin makes a free slot a connection of the accepted descriptor client.
func (c *connection) begin(slot uint32, route *forward.Route, client int) {
	c.slot = slot
	c.generation++
	c.state = stateResolving
	c.route = route
	c.client, c.target = client, noFD
	c.dial = forward.Dial{}
	c.alarm.Connection = slot
	c.silence, c.halfOpen = forward.Silence{}, forward.HalfOpen{}
	c.outcome = 0
	c.tries, c.retrying, c.inLine, c.timedOut = 0, false, false, false
	c.passing, c.closings = false, 0
	c.inFlight, c.connecting, c.broken, c.nonblocking = 0, false, false, false
	c.begun, c.early, c.looks = false, 0, 0
	c.toTarget.begin(c, opRecvClient, opSendTarget)
	c.toClient.begin(c, opRecvTarget, opSendClient)
	c.toTarget.sourceIP = socket.IsIP(route.Listener.Family)
}

// half returns the half that a recv, send or watch belongs to.
func (c *connection) half(op operation) *half {
	switch op {
	case opRecvClient, opSendTarget, opWatchClient:
		return &c.toTarget
	}
	return &c.toClient
}

// expects tells whether an operation of that kind is in flight.
func (c *connection) expects(op operation) bool {
	switch op {
	case opConnect:
		return c.connecting
	case opRecvClient, opRecvTarget:
		return c.half(op).receiving
	case opWatchClient, opWatchTarget:
		return c.half(op).watching
	}
	return c.half(op).sending
}

// stop notes that a connection ends with the program, unless it is over already.
func (c *connection) stop() {
	if !c.finished() {
		c.outcome.Note(forward.Stopped)
	}
}

// finished tells that neither half has anything left to do.
func (c *connection) finished() bool { return c.toTarget.done && c.toClient.done }

func (c *connection) userData(op operation) userData {
	return newUserData(op, c.slot, c.generation)
}
