package ring

import "uring-socket-proxyd/internal/connection"

// transfer is a connection as this engine moves its bytes.
type transfer struct {
	connection.Connection

	toTarget, toClient half

	inFlight int     // operations whose last completion is still to come
	attempt  attempt // a connect that is one of them
	timedOut bool    // ... and is being cancelled for that
	deaf     bool    // a side of it is not read, see watch.go

	nonblocking bool // its sockets are O_NONBLOCK, as splice needs
}

// Begin implements connection.Mover.
func (w *worker) Begin(slot uint32) *connection.Connection {
	w.closeFirst()
	if int(slot) == len(w.transfers) {
		w.transfers = append(w.transfers, &transfer{})
	}
	c := w.transfers[slot]
	c.Bind(&c.toTarget.Half, &c.toClient.Half)
	c.toTarget.begin(c, opRecvClient, opSendTarget)
	c.toClient.begin(c, opRecvTarget, opSendClient)
	c.inFlight, c.attempt, c.timedOut, c.nonblocking = 0, attemptNone, false, false
	return &c.Connection
}

// half returns the half that a recv, send or watch belongs to.
func (c *transfer) half(op operation) *half {
	switch op {
	case opRecvClient, opSendTarget, opWatchClient:
		return &c.toTarget
	}
	return &c.toClient
}

// expects tells whether an operation of that kind is in flight.
func (c *transfer) expects(op operation) bool {
	switch op {
	case opConnect:
		return c.attempt != attemptNone
	case opRecvClient, opRecvTarget:
		return c.half(op).Reading.InFlight()
	case opWatchClient, opWatchTarget:
		return c.half(op).watched.watching
	}
	return c.half(op).Writing.InFlight()
}

func (c *transfer) userData(op operation) userData {
	return newUserData(op, c.Slot, c.Generation)
}

// of is what the engine knows of a connection.
func (w *worker) of(c *connection.Connection) *transfer { return w.transfers[c.Slot] }

// halfOf is what it knows of one direction.
func (w *worker) halfOf(h *connection.Half) *half {
	c := w.of(h.Connection)
	if h.FromClient() {
		return &c.toTarget
	}
	return &c.toClient
}
