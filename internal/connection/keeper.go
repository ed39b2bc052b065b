package connection

import (
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/statistics"
	"uring-socket-proxyd/internal/wheel"
)

// Keeper leads the life of a worker's connections. It is embedded in the engine's worker,
// whose thread alone touches it but for the inbox and the counts.
type Keeper struct {
	*crew.Services // shared with the other workers

	Policy  *forward.Policy
	Sockets Sockets
	Crew    *crew.Crew
	Index   int // of the worker in the crew
	Box     *crew.Inbox
	Counts  statistics.Counters // here, so that no other worker writes nearby
	Mode    Mode
	mover   Mover
	slots   slots

	listeners []*Listener

	Clocked   bool // connections have time limits: see limits.go
	Clock     func() wheel.Tick
	Now       wheel.Tick // at the beginning of this round; 0 unless clocked
	Wheel     wheel.Wheel
	Stopwatch statistics.Stopwatch

	Tight bool   // descriptors may run out: see shortage.go
	Early []byte // what travels with the connect at hand; nil without fast open

	Backlogs backlogs
	Headers  headers
	shortage shortage
	pulse    Timer // of the watchdog
}

// Init makes a Keeper that of a crew's next worker.
func (k *Keeper) Init(policy *forward.Policy, services *crew.Services, workers *crew.Crew, index int, sockets Sockets, mover Mover) {
	k.Policy, k.Services, k.Crew, k.Index, k.Sockets, k.mover = policy, services, workers, index, sockets, mover
	k.Clocked, k.Clock, k.Stopwatch = policy.Clocked(), wheel.NewClock(), statistics.NewStopwatch(policy.Timed)
	k.Tight = policy.Limits.Tight()
	k.Backlogs.backlogLines = newBacklogLines[*Connection](policy.Timeouts)
	k.Headers.Time = HeaderTime
	if policy.Outbound.FastOpen {
		k.Early = make([]byte, EarlyRoom)
	}
}

// Prepare makes what a Keeper needs of the system, and of its mover.
func (k *Keeper) Prepare() error {
	var err error
	if k.Box, err = crew.NewInbox(); err != nil {
		return err
	}
	k.Backlogs.timer = k.mover.NewTimer(k.connectWaiting)
	k.Headers.timer = k.mover.NewTimer(k.endLate)
	k.shortage.timer = k.mover.NewTimer(k.goOn)
	for i := range k.Policy.Routes {
		l := &Listener{Index: uint32(i), Route: &k.Policy.Routes[i]}
		l.timer = k.mover.NewTimer(func() { k.AcceptAgain(l) })
		k.listeners = append(k.listeners, l)
	}
	if heart := k.Heart; heart != nil {
		k.pulse = k.mover.NewTimer(k.beat)
		k.pulse.Start(heart.Interval())
	}
	return nil
}

// beat tells the watchdog, from the event loop itself, that the loop is alive, and does so
// again every interval.
func (k *Keeper) beat() {
	k.Heart.Beat(k.Index)
	k.pulse.Start(k.Heart.Interval())
}

// Timers is how many timers a Keeper has at most, beside one for each route.
const Timers = 4

// Inbox implements crew.Member.
func (k *Keeper) Inbox() *crew.Inbox { return k.Box }

// Counters implements crew.Member.
func (k *Keeper) Counters() *statistics.Counters { return &k.Counts }

// Count notes that bytes of a half have been sent.
func (k *Keeper) Count(h *Half, n int) {
	c := h.Connection
	c.Silence.Active = k.Now
	h.Moved += uint64(n)
	if !h.FromClient() {
		k.Counts.BytesToClient.Add(uint64(n))
		return
	}
	k.Counts.BytesToTarget.Add(uint64(n))
	if c.halfOpen.Dormant() {
		k.Gate.Stir()
	}
}
