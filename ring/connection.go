package ring

import (
	"iter"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/forward"
)

// transfer is a connection as this engine moves its bytes.
type transfer struct {
	connection.Connection

	toTarget, toClient half

	inFlight int     // operations whose last completion is still to come
	attempt  attempt // a connect that is one of them
	timedOut bool    // ... and is being cancelled for that
	deaf     bool    // a side of it is not read, see watch.go
	looks    uint8   // that have found it waiting for its target

	nonblocking bool // its sockets are O_NONBLOCK, as splice needs
}

// begin makes a free slot the transfer of a client.
func (c *transfer) begin(slot uint32, client forward.Client) {
	c.toTarget.begin(c, opRecvClient, opSendTarget)
	c.toClient.begin(c, opRecvTarget, opSendClient)
	c.Begin(slot, client, &c.toTarget.Half, &c.toClient.Half)
	c.inFlight, c.attempt, c.timedOut = 0, attemptNone, false
	c.looks, c.nonblocking = 0, false
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
		return c.half(op).receiving
	case opWatchClient, opWatchTarget:
		return c.half(op).watching
	}
	return c.half(op).sending
}

func (c *transfer) userData(op operation) userData {
	return newUserData(op, c.Slot, c.Generation)
}

// of is what the engine knows of a connection.
func (w *worker) of(c *connection.Connection) *transfer { return w.transfers.At(c.Slot) }

// halfOf is what it knows of one direction.
func (w *worker) halfOf(h *connection.Half) *half {
	c := w.of(h.Connection)
	if h.FromClient() {
		return &c.toTarget
	}
	return &c.toClient
}

// Connections implements connection.Mover.
func (w *worker) Connections() iter.Seq[*connection.Connection] {
	return func(yield func(*connection.Connection) bool) {
		for _, c := range w.transfers.All() {
			if !yield(&c.Connection) {
				return
			}
		}
	}
}

// Begin implements connection.Mover.
func (w *worker) Begin(client forward.Client) *connection.Connection {
	slot, c := w.transfers.Allocate()
	c.begin(slot, client)
	return &c.Connection
}

// At implements connection.Mover.
func (w *worker) At(slot uint32) *connection.Connection { return &w.transfers.At(slot).Connection }

// Free implements connection.Mover.
func (w *worker) Free(c *connection.Connection) { w.transfers.Free(c.Slot) }
