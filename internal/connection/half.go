package connection

import "uring-socket-proxyd/internal/report"

// Half is what both engines know of one direction of a connection.
type Half struct {
	Connection          *Connection
	Source, Destination *Side

	Passed  []int // descriptors, owned, that go with the first byte of what is held
	Closing bool  // those that it had before are being closed: it receives nothing

	Short  bool // a splice to its destination came short, and may have taken the socket's error
	Ended  bool // the source has no more bytes for us
	Failed bool // ... because it broke: the destination is to be reset
	Done   bool // nothing more is received or sent

	Moved uint64 // bytes sent so far
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

// End notes that the source has ended its stream.
func (h *Half) End() {
	h.Ended = true
	h.Connection.Outcome.Note(report.EndedBy(h.FromClient()))
}

// Piece is how many of n bytes go to the destination at once.
func (h *Half) Piece(n int) int {
	if h.FromClient() {
		return n
	}
	return h.Connection.Route.Piece(n)
}
