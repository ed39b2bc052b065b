package forward

import "time"

// MaxWorkers bounds Policy.Workers.
const MaxWorkers = 64

// Policy holds the settings of an engine. It is made once, before the engine, and shared by
// all workers.
type Policy struct {
	Routes   []Route
	Limits   Limits
	Timeouts Timeouts
	// Keepalive is as in socket.System.
	Keepalive time.Duration
	Workers   int           // threads that move bytes, from 1 to MaxWorkers
	BusyPoll  time.Duration // how long workers poll before they sleep; 0 is not at all

	ProxyProtocol ProxyProtocol
	Outbound      Outbound

	LogConnections bool // a line for each connection at its end
	// Timed makes workers measure how long connections take, which costs three clock
	// readings for each.
	Timed bool
}

// Clocked tells whether workers need a clock and a wheel.
func (p *Policy) Clocked() bool { return p.Timeouts.Any() || p.Keepalive > 0 }

// usualBlock is the size of a block unless BlockSize says less.
const usualBlock = 64 << 10

// BlockSize is how large the blocks are that hold what a destination has not taken, and
// what is read into: no larger than what a half may hold, but that a prologue fits.
func (p *Policy) BlockSize() int {
	least := p.Limits.BufferSize
	if p.ProxyProtocol.Accept {
		least = max(least, longestPrologue)
	}
	return min(usualBlock, least)
}
