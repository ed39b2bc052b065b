package connection

import (
	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/report"
)

// Half is what both engines know about one direction of a connection: receive -> hold ->
// send -> end.
type Half struct {
	Connection          *Connection
	Source, Destination *Side

	Input   Input   // what the source has said
	Reading Reading // what it is doing
	Writing Writing // what the destination is doing
	Way     Way

	Held   int           // bytes that have been received, and not yet sent
	Pipe   *bufpool.Pipe // holds all of them, or none; nil while it is empty, but for a turn
	Passed []int         // descriptors, owned, that go with the first byte of what is held
	Moved  uint64        // bytes sent so far

	Done      bool // nothing more is received or sent
	Closing   bool // descriptors that it had before are being closed: it receives nothing
	Short     bool // a splice to its destination came short, and may have taken the socket's error
	NoSplice  bool // its source cannot be spliced
	scheduled bool // is in line for its turn
	forNobody bool // its destination, a UNIX socket, has closed altogether

	streak streak
	seen   seen
}

// FromClient tells whether a half's source is the client.
func (h *Half) FromClient() bool { return h == h.Connection.halves[0] }

// Opposite is the half in the other direction.
func (h *Half) Opposite() *Half {
	if h.FromClient() {
		return h.Connection.halves[1]
	}
	return h.Connection.halves[0]
}

// Ended tells that the source has no more bytes for us.
func (h *Half) Ended() bool { return h.Input != InputOpen }

// End notes that the source has ended its stream.
func (h *Half) End() {
	h.Input = max(h.Input, InputEnded)
	h.Connection.Outcome.Note(report.EndedBy(h.FromClient()))
}

// Piece is how many of n bytes go to the destination at once.
func (h *Half) Piece(n int) int {
	if h.FromClient() {
		return n
	}
	return h.Connection.Route.Piece(n)
}
