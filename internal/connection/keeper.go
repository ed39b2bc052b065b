package connection

import (
	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/statistics"
	"uring-socket-proxyd/internal/wheel"
)

// Keeper leads the life of a worker's connections. It is embedded in the engine's worker, and
// only that worker's thread touches it, except for the inbox and the counts.
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
	entered [states]uint16 // the states, a bit each, that connections have entered from each

	listeners []*Listener
	timers    []*Timer

	Clocked   bool // connections have time limits: see limits.go
	Clock     func() wheel.Tick
	Now       wheel.Tick // at the beginning of this round; 0 unless clocked
	Wheel     wheel.Wheel
	Stopwatch statistics.Stopwatch

	Tight bool   // descriptors may run out: see shortage.go
	Waits bool   // a connect waits in the kernel: see open
	Early []byte // what travels with the connect at hand; nil without fast open

	Tuning
	FirstWay Way // how a half begins, and goes on after it was a stream
	pipes    *bufpool.Pipes
	streams  Line // halves whose turn is to come
	busyPoll BusyPoll

	Backlogs backlogs
	Headers  headers
	shortage shortage
	lookout  lookout
	pulse    *Timer // of the watchdog; nil without one
}

// Init makes a Keeper that of a crew's next worker.
func (k *Keeper) Init(policy *forward.Policy, services *crew.Services, workers *crew.Crew, index int, sockets Sockets, mover Mover) {
	k.Policy, k.Services, k.Crew, k.Index, k.Sockets, k.mover = policy, services, workers, index, sockets, mover
	k.Clocked, k.Clock, k.Stopwatch = policy.Clocked(), wheel.NewClock(), statistics.NewStopwatch(policy.Timed)
	k.Tight = policy.Limits.Tight()
	k.Tuning = defaultTuning
	k.pipes = bufpool.NewPipes(policy.Limits.BufferSize, KeepPipes, workers.SparePipe)
	k.busyPoll = NewBusyPoll(policy.BusyPoll)
	k.Backlogs.backlogLines = newBacklogLines[*Connection](policy.Timeouts)
	k.Headers.Time = HeaderTime
	if policy.Outbound.FastOpen {
		k.Early = make([]byte, EarlyRoom)
	}
}

// SystemSockets returns the real sockets, with the settings that the policy has for them.
func SystemSockets(policy *forward.Policy) socket.System {
	return socket.System{Keepalive: policy.Keepalive, MostUnsent: policy.Limits.Unsent, Passer: socket.NewPasser()}
}

// Prepare makes what a Keeper needs of the system, and its timers.
func (k *Keeper) Prepare() error {
	var err error
	if k.Box, err = crew.NewInbox(); err != nil {
		return err
	}
	k.Backlogs.timer = k.NewTimer(k.connectWaiting)
	k.Headers.timer = k.NewTimer(k.endLate)
	k.shortage.timer = k.NewTimer(k.goOn)
	k.lookout.timer = k.NewTimer(k.look)
	for i := range k.Policy.Routes {
		l := &Listener{Index: uint32(i), Route: &k.Policy.Routes[i]}
		l.timer = k.NewTimer(func() { k.AcceptAgain(l) })
		k.listeners = append(k.listeners, l)
	}
	if k.Heart != nil {
		k.pulse = k.NewTimer(k.beat)
	}
	return nil
}

// Release frees what a Keeper holds, but for its connections.
func (k *Keeper) Release() {
	k.pipes.Drop()
	if k.Box != nil {
		k.Box.Close()
	}
}

// startHeart begins to tell the watchdog that the worker is alive, if there is one.
func (k *Keeper) startHeart() {
	if k.pulse != nil {
		k.pulse.Start(k.Heart.Interval())
	}
}

// beat tells the watchdog, from the event loop itself, that the loop is alive, and does so
// again every interval.
func (k *Keeper) beat() {
	k.Heart.Beat(k.Index)
	k.startHeart()
}

// Sample implements crew.Member, for an engine that has no ring and no pool.
func (k *Keeper) Sample() statistics.Sample { return statistics.Sample{} }

// Inbox implements crew.Member.
func (k *Keeper) Inbox() *crew.Inbox { return k.Box }

// Counters implements crew.Member.
func (k *Keeper) Counters() *statistics.Counters { return &k.Counts }

// Received notes that a half holds bytes which have come from its source.
func (k *Keeper) Received(h *Half, n int) {
	h.Connection.Silence.Active = k.Now
	h.Held += n
}

// Sent notes that bytes which a half held are with its destination.
func (k *Keeper) Sent(h *Half, n int) {
	h.Held -= n
	k.count(h, n)
}

func (k *Keeper) count(h *Half, n int) {
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
