package forward

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

// Route leads from a listener to the target of its connections.
type Route struct {
	Listener *activation.Listener // closed by its owner after Run has returned; one in Policy.Routes is open
	Target   target.Target
}

// Piece is how many of n bytes to send to one of the route's clients at once.
//
// Over TCP it is no more than half of a send buffer whose size is fixed. The kernel
// makes segments as large as the path takes them, which is 64 KiB on the loopback
// interface, and one that fills the buffer is alone in flight: its receiver waits for a
// second one before it acknowledges any, for 40 to 200 ms. Of pieces of half the size
// two are in flight.
func (r *Route) Piece(n int) int {
	if l := r.Listener; l.SendBuffer > 0 && socket.IsIP(l.Family) {
		return min(n, l.SendBuffer/2)
	}
	return n
}

// Passes tells whether connections of a route pass descriptors on: where both sides are
// UNIX sockets.
func (p *Policy) Passes(r *Route) bool {
	if p.Limits.Passed == 0 || r.Listener.Family != unix.AF_UNIX {
		return false
	}
	addresses, ok := r.Target.Literal()
	return ok && addresses[0].Family == unix.AF_UNIX
}
