package crew

import (
	"sync/atomic"
	"time"

	"uring-socket-proxyd/internal/statistics"
)

// Pulse reports how the engine is doing, once an interval while anything changes, and never
// otherwise: an idle program sleeps. A nil Pulse reports to nobody.
//
// It has no timer while nothing changes. Workers then check, once in each round of their
// loops, whether they have done anything since the last report.
type Pulse struct {
	interval time.Duration
	tell     func(statistics.Counts)
	counts   func() statistics.Counts
	watched  []watched
	told     uint64 // all the work when it was told last; for beat alone
	quiet    atomic.Bool
	over     atomic.Bool
}

// watched is a worker, and the work that it had done when the pulse went quiet.
type watched struct {
	counters *statistics.Counters
	seen     atomic.Uint64
}

// StatusInterval is how often the service manager gets a report.
const StatusInterval = 5 * time.Second

// NewPulse returns a pulse that calls tell, on a goroutine of its own. It beats again
// only after tell has returned, however long that waits.
func NewPulse(interval time.Duration, tell func(statistics.Counts)) *Pulse {
	p := &Pulse{interval: interval, tell: tell, counts: func() (none statistics.Counts) { return none }}
	p.quiet.Store(true)
	return p
}

// serve tells of a crew, and forgets any other. None of its members may have run.
func (p *Pulse) serve(c *Crew) {
	if p != nil {
		p.watched, p.counts = nil, c.Counters
	}
}

// watch adds the next worker; the first is number 0. Before any of them runs.
func (p *Pulse) watch(counters *statistics.Counters) {
	if p != nil {
		p.watched = append(p.watched, watched{counters: counters})
	}
}

// Round is called by a worker in each round of its loop.
func (p *Pulse) Round(worker int) {
	if p != nil && p.quiet.Load() {
		p.look(worker)
	}
}

// look wakes the pulse if a worker has done anything.
func (p *Pulse) look(worker int) {
	w := &p.watched[worker]
	if w.counters.Work() != w.seen.Load() && p.quiet.CompareAndSwap(true, false) {
		time.AfterFunc(p.interval, p.beat)
	}
}

// beat tells what has changed, or goes quiet if nothing has.
func (p *Pulse) beat() {
	if p.over.Load() {
		return
	}
	var done uint64
	for i := range p.watched {
		w := &p.watched[i]
		w.seen.Store(w.counters.Work())
		done += w.seen.Load()
	}
	if done != p.told {
		p.told = done
		p.tell(p.counts())
		time.AfterFunc(p.interval, p.beat)
		return
	}
	p.quiet.Store(true)
	// Who has done something meanwhile may have looked too early.
	for worker := range p.watched {
		p.look(worker)
	}
}

// End tells nobody anything any more, but for what is being told already.
func (p *Pulse) End() {
	if p != nil {
		p.over.Store(true)
	}
}
