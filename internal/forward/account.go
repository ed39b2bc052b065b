package forward

import (
	"context"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// Account is what is kept of a connection for the line that --log-connections writes
// at its end. Without that option there is none: a nil Account, which its methods take.
type Account struct {
	began  time.Time
	client unix.Sockaddr // nil if the kernel did not tell
	told   net.Addr      // the client by its PROXY header; nil without
}

// NewAccount begins the account of a connection that is accepted now, with the name of
// its client's socket; nil if the kernel did not tell.
func NewAccount(client unix.Sockaddr) *Account { return &Account{began: time.Now(), client: client} }

// Introduce notes who the client is by its PROXY header, if there was one.
func (a *Account) Introduce(prologue *Prologue) {
	if a != nil {
		a.told = prologue.told
	}
}

// Close logs a connection that is over. dial is at the address that was connected, or
// tried last. toTarget and toClient are the bytes that have been sent to each. The
// queue behind the log never waits.
func (p *Policy) Close(a *Account, r *Route, dial *Dial, toTarget, toClient uint64, outcome Outcome) {
	if a == nil {
		return
	}
	target := r.Target.String()
	if dial.next > 0 {
		target = dial.Current().String()
	}
	attributes := make([]slog.Attr, 0, 8)
	client := printable(address(a.client))
	if a.told != nil {
		attributes = append(attributes, slog.String("client", printable(a.told)), slog.String("via", client))
	} else {
		attributes = append(attributes, slog.String("client", client))
	}
	attributes = append(attributes,
		slog.String("listener", r.Listener.Address), slog.String("target", target),
		slog.Uint64("bytes-to-target", toTarget), slog.Uint64("bytes-to-client", toClient),
		slog.Duration("duration", time.Since(a.began).Round(time.Microsecond)),
		slog.String("outcome", outcome.String()))
	p.Log.LogAttrs(context.Background(), slog.LevelInfo, "connection closed", attributes...)
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

// closeDismissed is Close for a client that has been let in and has no worker any more.
func (p *Policy) closeDismissed(client Client) {
	if p.LogConnections {
		var sockets socket.System
		p.Close(NewAccount(sockets.Peer(client.FD)), client.Route, &Dial{}, 0, 0, Stopped)
	}
}
