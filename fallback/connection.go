package fallback

import (
	"time"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
)

// state is where a connection is in its life:
//
//	free ─accept─> (greeting ─>) resolving ─> connecting ─> forwarding ─both halves done─> (closing ─>) free
//	                └────────────────┴─────────────┴─ no address left, or the engine stops ┘
type state uint8

const (
	stateFree       state = iota // the slot belongs to nobody
	stateGreeting                // the client has yet to send its PROXY header
	stateResolving               // waits for the resolver, for a descriptor, or to try again
	stateConnecting              // a connect is under way
	stateForwarding              // the target is connected
	stateClosing                 // another thread closes its sockets: see passing.go
)

// noFD stands for a descriptor that is not open.
const noFD = -1

// side is one socket of a connection and what epoll has said of it. Events are
// edge-triggered: each flag stays until a call on the socket says otherwise.
type side struct {
	fd       int // owned; noFD when not open
	tcp      bool
	readable bool
	writable bool
	ended    bool // its peer has ended its stream, or is gone
	closed   bool // it is a UNIX socket whose peer has closed both ways
	urgent   bool // urgent data has come
	broken   bool // it was reset, or given up by the kernel
	// drained tells that a read which does not fill its block has taken all
	// that was there, as epoll(7) says of streams. Not so for AF_UNIX, where
	// a read stops at a passed descriptor, for VSOCK, where it stops at the end of
	// a packet on Hyper-V, for urgent data, where it stops at the mark, or when an
	// event has already told of the end.
	drained bool
}

func newSide(fd, family int) side {
	return side{fd: fd, tcp: socket.IsIP(family), drained: socket.IsIP(family)}
}

// connection joins a client to a target. Its worker alone touches it, from
// accept to close.
type connection struct {
	slot       uint32
	generation uint32 // counts the slot's uses; part of each event's data
	state      state
	route      *forward.Route

	client, target side              // until there is a target, its descriptor may be a reserve
	dial           forward.Dial      // of the target's addresses
	prologue       *forward.Prologue // nil if there is none, or it is with toTarget

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
	attempt  uint32               // counts the sockets that were to be connected; part of their events
	early    int                  // bytes that have travelled with the last one

	late   bool // has waited for its target since its client has ended its stream
	broken bool // to be closed with a reset
}

// begin makes a free slot a connection of the accepted descriptor client.
func (c *connection) begin(slot uint32, route *forward.Route, client int) {
	c.slot = slot
	c.generation++
	c.state = stateResolving
	c.route = route
	c.client, c.target = newSide(client, route.Listener.Family), side{fd: noFD}
	c.dial = forward.Dial{}
	c.alarm.Connection = slot
	c.silence, c.halfOpen = forward.Silence{}, forward.HalfOpen{}
	c.outcome = 0
	c.tries, c.retrying, c.inLine = 0, false, false
	c.early = 0
	c.broken, c.late = false, false
	c.passing, c.closings = false, 0
	c.toTarget = half{connection: c, source: &c.client, destination: &c.target}
	c.toClient = half{connection: c, source: &c.target, destination: &c.client}
}

// stop notes that a connection ends with the program, unless it is over already.
func (c *connection) stop() {
	if !c.finished() {
		c.outcome.Note(forward.Stopped)
	}
}

// finished tells that neither half has anything left to do.
func (c *connection) finished() bool { return c.toTarget.done && c.toClient.done }
