package crew

import "sync/atomic"

// Gate admits connections up to a limit, exactly, across all workers.
type Gate struct {
	limit int64
	// state holds two numbers, so that both are seen at one time: the connections that
	// are in, and above them, in units of dormant, how many of those are dormant.
	state atomic.Int64
	idle  *IdleClock // nil: never exits idle
}

// dormant is the unit of Gate.state for connections that are.
const dormant = 1 << 32

// MaxConnections is how many connections an engine can tell apart; a higher limit means
// this one.
const MaxConnections = 1 << 24

// NewGate returns a gate that lets limit connections in at a time. idle, if not
// nil, runs whenever there are none but dormant ones.
func NewGate(limit int, idle *IdleClock) *Gate {
	g := &Gate{limit: int64(min(limit, MaxConnections)), idle: idle}
	if idle != nil {
		idle.gate = g
	}
	return g
}

// serve has a crew end that is idle. None of its members may have run.
func (g *Gate) serve(c *Crew) {
	if g != nil && g.idle != nil {
		g.idle.end = c.StopIfIdle
	}
}

// Admit lets one connection in, or refuses. Each admitted one must be released.
func (g *Gate) Admit() bool {
	for {
		state := g.state.Load()
		if state%dormant >= g.limit {
			return false
		}
		if g.state.CompareAndSwap(state, state+1) {
			return true
		}
	}
}

// Release gives an admitted connection's place back. slept tells that it was dormant.
func (g *Gate) Release(slept bool) {
	gone := int64(1)
	if slept {
		gone += dormant
	}
	g.leave(gone)
}

// Sleep notes that a connection that is in is dormant from now on, until it is released:
// its target has ended, all is delivered, and it keeps nobody up.
func (g *Gate) Sleep() { g.leave(-dormant) }

func (g *Gate) leave(gone int64) {
	if g.idle == nil {
		g.state.Add(-gone)
		return
	}
	g.idle.mark() // before the gate looks empty to anyone
	if busy(g.state.Add(-gone)) == 0 {
		g.idle.start()
	}
}

// Stir notes that something has moved on a dormant connection.
func (g *Gate) Stir() {
	if g.idle != nil {
		g.idle.mark()
	}
}

// FoundNobody notes that somebody knocked who is not there any more. The program then need
// not wait for a first connection to be idle. However often that happens, it is as idle as
// it was.
func (g *Gate) FoundNobody() {
	if g.idle != nil && g.Busy() == 0 {
		g.idle.begin()
	}
}

// Limit is the number of connections that it lets in at a time.
func (g *Gate) Limit() int { return int(g.limit) }

// Current is the number of connections that are in.
func (g *Gate) Current() int { return int(g.state.Load() % dormant) }

// Busy is the number of those that are not dormant.
func (g *Gate) Busy() int { return busy(g.state.Load()) }

func busy(state int64) int { return int(state%dormant - state/dormant) }

// Crowded tells that half of the places are taken: from then on it is worth a look
// whether who comes is still there.
func (g *Gate) Crowded() bool { return 2*(g.state.Load()%dormant) >= g.limit }
