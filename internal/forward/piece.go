package forward

import "uring-socket-proxyd/internal/socket"

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
