// Package report writes the log lines about connections, and those of the counters. A flood of
// connections must not become a flood of lines: only a few of each kind are written in a
// while, see throttle.go.
//
// A [Reports] can be used from any goroutine, and never waits, as the queue behind the log
// does not. It calls none of the code that makes decisions: what a line says is passed to it
// as values.
package report

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/proxyprotocol"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

// Reports writes the log lines of an engine.
type Reports struct {
	log       *slog.Logger
	policy    *forward.Policy
	throttles [troubles]throttle
}

// New returns the reports of an engine with these settings.
func New(log *slog.Logger, policy *forward.Policy) *Reports {
	return &Reports{log: log, policy: policy}
}

// Attempt is a failed try to reach one address of a target.
type Attempt struct {
	Address target.Address
	Err     error
}

// Unreachable logs a connection that ends because no address of its target could be
// reached. err is why there was none to dial, if so.
func (r *Reports) Unreachable(route *forward.Route, failed []Attempt, err error) {
	r.report(troubleUnreachable, func() []any {
		var tried []string
		for _, a := range failed {
			tried = append(tried, fmt.Sprintf("%s: %v", a.Address, a.Err))
			if fault := a.Address.Fault(); fault != "" {
				tried[len(tried)-1] += ": it " + fault
			}
		}
		if err != nil {
			tried = append(tried, err.Error())
		}
		return []any{"target", route.Target.String(), "tried", strings.Join(tried, "; ")}
	})
}

// Refused logs a client that is turned away at the limit.
func (r *Reports) Refused(l *activation.Listener) {
	r.report(troubleRefused, func() []any { return []any{"limit", r.policy.Limits.Connections, "listener", l.Address} })
}

// GivenUp logs that a half-open connection is reset in favour of a new client.
func (r *Reports) GivenUp(route *forward.Route) {
	r.report(troubleGivenUp, func() []any {
		return []any{"limit", r.policy.Limits.Connections, "listener", route.Listener.Address, "target", route.Target.String()}
	})
}

// Shortage logs that a connection, of so many, waits for what the process, or the system,
// has run out of.
func (r *Reports) Shortage(l *activation.Listener, connections int, err error) {
	r.report(troubleShortage, func() []any {
		return []any{"error", err, "connections", connections, "listener", l.Address, "hint", descriptorsHint}
	})
}

// descriptorsHint is what to do about a lack of descriptors.
const descriptorsHint = "raise LimitNOFILE=, or lower --connections-max="

// Memory logs a connection that is reset because there is no memory to hold bytes of it.
func (r *Reports) Memory(l *activation.Listener, bytes int, err error) {
	r.report(troubleMemory, func() []any { return []any{"error", err, "bytes", bytes, "listener", l.Address} })
}

// Header logs a client that is reset for what should have been a PROXY header.
func (r *Reports) Header(l *activation.Listener, peer unix.Sockaddr, err error) {
	r.report(troubleHeader, func() []any {
		return []any{"error", err, "client", printable(proxyprotocol.AddressOf(peer)), "listener", l.Address}
	})
}

// Passing logs a connection that is reset because descriptors cannot be passed on.
func (r *Reports) Passing(l *activation.Listener, err error) {
	r.report(troublePassing, func() []any {
		attributes := []any{"error", err, "listener", l.Address}
		if socket.Shortage(err) || errors.Is(err, socket.ErrLost) || errors.Is(err, unix.ETOOMANYREFS) {
			attributes = append(attributes, "hint", descriptorsHint)
		}
		return attributes
	})
}

// Idle logs a connection that is reset because nothing has moved.
func (r *Reports) Idle(l *activation.Listener) {
	r.report(troubleIdle, func() []any { return []any{"idle-timeout", r.policy.Timeouts.Idle, "listener", l.Address} })
}

// Waiting logs that a client waits for a target that is not up.
func (r *Reports) Waiting(route *forward.Route) {
	r.log.Debug("the client waits for the target", "target", route.Target.String(), "connect-retry", r.policy.Timeouts.Retry)
}

// AcceptFailed logs a listener that pauses after an error, or that goes on at once when
// pause is 0. There are so many connections.
func (r *Reports) AcceptFailed(l *activation.Listener, connections int, err error, pause time.Duration) {
	if socket.Shortage(err) {
		r.Shortage(l, connections, err)
		return
	}
	r.report(troubleAccept, func() []any { return []any{"listener", l.Address, "error", err, "pause", pause} })
}
