// Package scenario is the table of what the benchmark measures. The names are an
// interface: they appear in results, in documents and on command lines.
package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what each connection of a scenario does.
type Kind string

// The kinds.
const (
	Echo     Kind = "echo"     // a request, its reply, the next request
	Connect  Kind = "connect"  // connect, a request, its reply, close
	Stream   Kind = "stream"   // client to target, as fast as it goes
	Duplex   Kind = "duplex"   // both ways at once
	Idle     Kind = "idle"     // one request and reply, then silence
	Activate Kind = "activate" // a request that makes the service manager start the proxy
)

// Scenario is one thing to measure.
type Scenario struct {
	Name        string
	Description string // one sentence
	Kind        Kind
	Connections int  // at a time
	MessageSize int  // bytes in a request, and in its reply; bytes per write of a stream
	Unix        bool // UNIX sockets on both sides of the proxy
}

const (
	kib = 1 << 10

	small = 64       // bytes: a cache lookup, a heartbeat
	write = 64 * kib // bytes: what programs that copy files hand to write(2)
)

// All is every scenario, in the order in which they run.
var All = []Scenario{
	{Name: "echo-1", Kind: Echo, Connections: 1, MessageSize: small,
		Description: "One connection sends 64 B, waits for the same 64 B, and sends again."},
	{Name: "echo-8", Kind: Echo, Connections: 8, MessageSize: small,
		Description: "8 connections, each sending 64 B when the last 64 B are back."},
	{Name: "echo-64", Kind: Echo, Connections: 64, MessageSize: small,
		Description: "64 connections, each sending 64 B when the last 64 B are back."},
	{Name: "echo-1000", Kind: Echo, Connections: 1000, MessageSize: kib,
		Description: "1000 connections, each sending 1 KiB when the last 1 KiB is back."},
	{Name: "connect-8", Kind: Connect, Connections: 8, MessageSize: small,
		Description: "8 at a time: connect, send 64 B, receive them, close."},
	{Name: "stream-1", Kind: Stream, Connections: 1, MessageSize: write,
		Description: "One connection writes 64 KiB at a time, one way."},
	{Name: "stream-16", Kind: Stream, Connections: 16, MessageSize: write,
		Description: "16 connections write 64 KiB at a time, one way."},
	{Name: "stream-64", Kind: Stream, Connections: 64, MessageSize: write,
		Description: "64 connections write 64 KiB at a time, one way."},
	{Name: "duplex-8", Kind: Duplex, Connections: 8, MessageSize: write,
		Description: "8 connections write 64 KiB at a time, both ways at once; both ways count."},
	{Name: "idle-3000", Kind: Idle, Connections: 3000, MessageSize: small,
		Description: "3000 connections that have echoed 64 B and are silent."},
	{Name: "activate", Kind: Activate, Connections: 1, MessageSize: small,
		Description: "A connection to a socket whose proxy does not run yet: from connect to the first byte back."},
	{Name: "unix-64", Kind: Echo, Connections: 64, MessageSize: small, Unix: true,
		Description: "echo-64 over UNIX sockets, to the proxy and from it."},
	{Name: "unix-stream-8", Kind: Stream, Connections: 8, MessageSize: write, Unix: true,
		Description: "8 connections write 64 KiB at a time, one way, over UNIX sockets."},
}

// Named returns the scenarios with the given names, in the order of All; without names, it
// returns all.
func Named(names []string) ([]Scenario, error) {
	if len(names) == 0 {
		return All, nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(All, func(s Scenario) bool { return s.Name == name }) {
			return nil, fmt.Errorf("no such scenario: %q; choose from %s", name, strings.Join(Names(), ", "))
		}
	}
	var found []Scenario
	for _, s := range All {
		if slices.Contains(names, s.Name) {
			found = append(found, s)
		}
	}
	return found, nil
}

// Names lists all names.
func Names() []string {
	names := make([]string, len(All))
	for i, s := range All {
		names[i] = s.Name
	}
	return names
}

// Streams reports whether bytes are counted, not messages.
func (s *Scenario) Streams() bool { return s.Kind == Stream || s.Kind == Duplex }

// CanBeOpen reports whether requests can be sent by the clock instead of after the
// last reply.
func (s *Scenario) CanBeOpen() bool { return s.Kind == Echo || s.Kind == Connect }

// Unit returns the unit of the scenario's rate, or "" if it has none.
func (s *Scenario) Unit() string {
	switch s.Kind {
	case Echo:
		return "req/s"
	case Connect:
		return "conn/s"
	case Stream, Duplex:
		return "B/s"
	default:
		return ""
	}
}

// CPU returns the unit of processor time per amount of work, and how many of the rate's
// units that amount is.
func (s *Scenario) CPU() (unit string, work float64) {
	switch s.Kind {
	case Echo:
		return "s/Mreq", 1e6
	case Connect:
		return "s/kconn", 1e3
	default:
		return "s/GB", 1e9
	}
}
