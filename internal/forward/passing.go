package forward

import (
	"errors"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/socket"
)

// Descriptors that come over a UNIX socket are passed on over another one, with the byte
// that they came with. Both engines do that alike, by inline calls:
//
//   - A half receives up to the next byte with descriptors, or from that byte on, and
//     receives no more until all of that has been sent. So it holds the descriptors of
//     one message at most, and they go with the first byte of what it holds.
//   - Once they are sent, or can no longer be, they are closed by another thread, as a
//     close may wait for whoever has passed them. Until then the half receives nothing,
//     and its connection keeps its place. Its sockets are closed in the same way: what
//     their peers have left in them is closed with them.
//   - If any is lost, the connection is reset: a message never arrives with fewer.

// Passes tells whether connections of a route pass descriptors on: where both sides are
// UNIX sockets.
func (p *Policy) Passes(r *Route) bool {
	if p.Limits.Passed == 0 || r.Listener.Family != unix.AF_UNIX {
		return false
	}
	addresses, ok := r.Target.Literal()
	return ok && addresses[0].Family == unix.AF_UNIX
}

// SparePassed is Spare for descriptors that have been received.
func (p *Policy) SparePassed(passed []int) error {
	for _, fd := range passed {
		if err := p.Spare(fd); p.Limits.Descriptors > 0 && err != nil {
			return err
		}
	}
	return nil
}

// ReportPassing logs a connection that is reset because descriptors cannot be passed on.
func (p *Policy) ReportPassing(l *activation.Listener, err error) {
	p.report(troublePassing, func() []any {
		attributes := []any{"error", err, "listener", l.Address}
		if Shortage(err) || errors.Is(err, socket.ErrLost) || errors.Is(err, unix.ETOOMANYREFS) {
			attributes = append(attributes, "hint", "raise LimitNOFILE=, or lower --connections-max=")
		}
		return attributes
	})
}
