package fallback

import (
	"uring-socket-proxyd/internal/connection"
)

// side is what epoll has said of one socket of a connection. Events are edge-triggered:
// each flag stays until a call on the socket says otherwise.
type side struct {
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

// transfer is a connection as this engine moves its bytes.
type transfer struct {
	connection.Connection

	toTarget, toClient half
	client, target     side

	attempt uint32 // counts the sockets that were to be connected; part of their events
	late    bool   // has waited for its target since its client has ended its stream
}

// begin makes a free slot that of another connection.
func (c *transfer) begin() {
	c.toTarget = half{transfer: c, from: &c.client, to: &c.target}
	c.toClient = half{transfer: c, from: &c.target, to: &c.client}
	c.client, c.target, c.late = side{}, side{}, false
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

// NewSlot implements connection.Mover.
func (w *worker) NewSlot() *connection.Connection {
	c := &transfer{}
	c.Bind(&c.toTarget.Half, &c.toClient.Half)
	w.transfers = append(w.transfers, c)
	return &c.Connection
}

// Begin implements connection.Mover.
func (w *worker) Begin(c *connection.Connection) { w.of(c).begin() }
