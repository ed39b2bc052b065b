package report

import (
	"context"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/proxyprotocol"
	"uring-socket-proxyd/internal/target"
)

// Account is what is recorded about a connection for the line that --log-connections writes
// at its end. Without that option it is nil, which its methods accept.
type Account struct {
	began  time.Time
	client unix.Sockaddr // nil if the kernel did not tell
	told   net.Addr      // the client by its PROXY header; nil without
}

// NewAccount begins the account of a connection that is accepted now, with the name of
// its client's socket; nil if the kernel did not tell.
func NewAccount(client unix.Sockaddr) *Account { return &Account{began: time.Now(), client: client} }

// Introduce notes who the client is by its PROXY header; nil if that does not tell.
func (a *Account) Introduce(told net.Addr) {
	if a != nil {
		a.told = told
	}
}

// Closed logs a connection that is over. address is the one that was connected, or tried
// last; nil if none was. toTarget and toClient are the bytes that have been sent to each. The
// queue behind the log never waits.
func (r *Reports) Closed(a *Account, route *forward.Route, address *target.Address, toTarget, toClient uint64, outcome Outcome) {
	if a == nil {
		return
	}
	to := route.Target.String()
	if address != nil {
		to = address.String()
	}
	attributes := make([]slog.Attr, 0, 8)
	client := printable(proxyprotocol.AddressOf(a.client))
	if a.told != nil {
		attributes = append(attributes, slog.String("client", printable(a.told)), slog.String("via", client))
	} else {
		attributes = append(attributes, slog.String("client", client))
	}
	attributes = append(attributes,
		slog.String("listener", route.Listener.Address), slog.String("target", to),
		slog.Uint64("bytes-to-target", toTarget), slog.Uint64("bytes-to-client", toClient),
		slog.Duration("duration", time.Since(a.began).Round(time.Microsecond)),
		slog.String("outcome", outcome.String()))
	r.log.LogAttrs(context.Background(), slog.LevelInfo, "connection closed", attributes...)
}

// printable is a peer's address in the log.
func printable(a net.Addr) string {
	switch {
	case a == nil:
		return "unknown"
	case a.String() == "": // as most clients over UNIX sockets
		return "unnamed"
	}
	return a.String()
}
