// Package target parses the one positional argument of systemd-socket-proxyd(8), and turns
// it into kernel socket addresses. In a [Template], {port} and {name} stand for those of a
// listener.
//
// A target is one of
//
//	/run/app.sock     a UNIX socket in the file system; ours: also unix:/run/app.sock
//	@app              a UNIX socket in the abstract namespace
//	HOST:PORT         split at the last colon; either may be a name
//	HOST              port 80
//	[IPV6]:PORT       ours: the original passes the brackets to the resolver
//	vsock:CID:PORT    ours: a VSOCK socket of another machine, or of this one
//
// The original checks nothing before the first connection. Here everything
// that can never connect is refused at once, with advice.
package target

import (
	"errors"
	"net/netip"
)

// Target is where connections are forwarded to. Parse makes it, and it never changes.
type Target struct {
	text   string // as given
	family Family

	// For a network target: the names as they go to the resolver.
	host, service string
	// What is known about host and service without the resolver: no IPs if host
	// is a name, port 0 if service is a name.
	ips  []netip.Addr
	port uint16

	literal []Address // nil if only Resolve can tell
}

// Parse reads a target. The error is one line that quotes s, says what is
// wrong and what to do.
func Parse(s string) (Target, error) {
	return Auto.Parse(s)
}

func (t *Target) parse() error {
	if t.text == "" {
		return errors.New("empty; write HOST:PORT, /PATH or @NAME")
	}
	cidPort, ok := cutVsock(t.text)
	switch {
	case ok:
		return t.parseVsock(cidPort)
	case t.family == VSOCK:
		return t.parseVsock(t.text)
	}
	if path, ok := cutUnix(t.text); ok {
		address, err := FromUnix(path)
		t.literal = []Address{address}
		return err
	}
	return t.parseHostPort()
}

// String returns the target as it was given to Parse.
func (t Target) String() string {
	return t.text
}

// Literal returns the addresses of a target that needs no resolver: a UNIX or
// VSOCK socket, or IP addresses with a port number. They never change; the caller
// must not change them either. It reports false if only Resolve can tell.
func (t Target) Literal() ([]Address, bool) {
	return t.literal, t.literal != nil
}
