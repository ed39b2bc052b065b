package fallback

import "uring-socket-proxyd/internal/connection"

// side is what epoll has said of one socket of a connection. Events are edge-triggered:
// each flag stays until a call on the socket says otherwise.
type side struct {
	readable bool
	writable bool
	urgent   bool // urgent data has come
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

	halves         [2]half // to the target, and to the client
	client, target side

	attempt uint32 // counts the sockets that were to be connected; part of their events
}

// Begin implements connection.Mover.
func (w *worker) Begin(slot uint32) *connection.Connection {
	if int(slot) == len(w.transfers) {
		w.transfers = append(w.transfers, new(transfer))
	}
	c := w.transfers[slot]
	c.halves = [2]half{{from: &c.client, to: &c.target}, {from: &c.target, to: &c.client}}
	c.client, c.target = side{}, side{}
	c.Bind(&c.halves[0].Half, &c.halves[1].Half)
	return &c.Connection
}

// of is what the engine knows of a connection.
func (w *worker) of(c *connection.Connection) *transfer { return w.transfers[c.Slot] }

// half is what it knows of one direction.
func (w *worker) half(h *connection.Half) *half {
	halves := &w.of(h.Connection).halves
	if h == &halves[0].Half {
		return &halves[0]
	}
	return &halves[1]
}
