package forward

import "sync/atomic"

// Gate admits connections up to a limit, exactly, across all workers.
type Gate struct {
	limit   int64
	current atomic.Int64
	idle    *IdleClock // nil: never exits idle
}

// MaxConnections is how many connections an engine can tell apart; a limit above
// it means as many.
const MaxConnections = 1 << 24

// NewGate returns a gate that lets limit connections in at a time. idle, if not
// nil, runs whenever there are none.
func NewGate(limit int, idle *IdleClock) *Gate {
	g := &Gate{limit: int64(min(limit, MaxConnections)), idle: idle}
	if idle != nil {
		idle.gate = g
	}
	return g
}

// Admit lets one connection in, or refuses. Each admitted one must be released.
func (g *Gate) Admit() bool {
	for {
		n := g.current.Load()
		if n >= g.limit {
			return false
		}
		if g.current.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release gives an admitted connection's place back.
func (g *Gate) Release() {
	if g.idle == nil {
		g.current.Add(-1)
		return
	}
	g.idle.mark() // before the gate looks empty to anyone
	if g.current.Add(-1) == 0 {
		g.idle.start()
	}
}

// Limit is the number of connections that it lets in at a time.
func (g *Gate) Limit() int { return int(g.limit) }

// Current is the number of connections that are in.
func (g *Gate) Current() int { return int(g.current.Load()) }
