package ring

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/ring/uring"
)

// mode is what a worker is about.
type mode uint8

const (
	modeServing  mode = iota
	modeRetiring      // stops accepting, so that the crew can see whether it is idle
	modeQuiet         // has stopped accepting, and waits for the others
	modeStopping      // resets what is left, then ends
)

// worker is one OS thread with one ring, shared by all its connections. Nothing
// but the inbox may be touched from elsewhere.
type worker struct {
	policy   *forward.Policy
	ring     *uring.Ring
	pool     *bufpool.Pool
	pipes    *bufpool.Pipes
	sockets  sockets
	crew     *forward.Crew
	index    int // of this worker in the crew
	inbox    *forward.Inbox
	counters forward.Counters // here, so that no other worker writes nearby

	// closesAtOnce makes close not wait for the batch. Of several workers, one
	// could otherwise let a connection in while the one that made room for it
	// is still open, and its target would see one too many.
	closesAtOnce bool

	// What the kernel has and is used.
	acceptMultishot, recvMultishot, recvLimit, splices bool
	features                                           []string // all of that, by name

	tight bool // descriptors may run out: see shortage.go

	timed bool // connections have time limits: see limits.go
	clock func() forward.Tick
	now   forward.Tick // at the beginning of this round; 0 unless timed
	wheel forward.Wheel

	stopwatch forward.Stopwatch

	busyPoll forward.BusyPoll
	tuning
	lowWater int // a half with at most that many bytes queued reads on

	mode        mode
	fault       error // why the worker cannot go on
	listeners   []*listener
	connections forward.Slots[connection]
	deaf        int // connections that are, see watch.go
	addresses   addressTable
	timers      timerTable
	wakeups     []byte // the inbox's eventfd is read into it
	early       []byte // what travels with the connect at hand; nil without fast open

	missed    []userData // operations to cancel again
	recancel  *timer
	closes    int     // in the batch at hand
	lookout   *timer  // looks for sides to watch
	grace     int     // see graceRounds
	restless  bool    // there is something to look at once more
	looks     uint32  // of the lookout
	silent    []*half // see kickSilent
	polled    []unix.PollFd
	postponed []waiting // connections that wait for a descriptor, in order
	shortage  *timer
	line      []waiting // halves that wait for a buffer, in order
	streams   []waiting // halves whose turn is to come, in order
	passed    []byte    // what a half that passes descriptors on has received in its turn
	scarcity  *timer
	tick      uint32 // counts scarcity ticks

	backlogs     forward.Backlogs[*connection] // connections that wait for room in a target's backlog
	backlogTimer *timer

	headers     forward.HeaderLine[*connection] // connections whose client has yet to send its header
	headerTimer *timer
}

// run is the event loop: one system call for each batch of completions and of
// the operations they lead to.
func (w *worker) run() error {
	w.listen()
	for _, l := range w.listeners {
		w.accept(l)
	}
	for !w.over() {
		if err := w.wait(); err != nil {
			return err
		}
		w.closes = 0
		w.readClock()
		if err := w.catchUp(w.ring.Reap(w.handle)); err != nil {
			return err
		}
		if w.fault != nil {
			return w.fault
		}
		w.goOff()
		w.feed()
		w.advance()
		w.endRound()
		w.policy.Pulse.Round(w.index)
	}
	return w.ring.Flush() // the last closes
}

// wait returns when there are completions to reap, as a rule, or streams to go on
// with.
func (w *worker) wait() error {
	if len(w.streams) > 0 {
		return w.ring.Submit()
	}
	if w.busyPoll.Pays() {
		found, err := w.ring.SubmitAndPoll(w.busyPoll.Limit())
		w.busyPoll.Polled(found)
		if found || err != nil {
			return err
		}
	}
	sleep := w.ring.SubmitAndWait
	if w.grace > 0 {
		sleep = w.ring.SubmitAndWaitBriefly
	}
	began := w.busyPoll.Began()
	err := sleep(w.untilAlarm())
	w.busyPoll.Slept(began)
	return err
}

// A kernel with IORING_SETUP_DEFER_TASKRUN completes at most taskBatch operations
// when it is entered without waiting (IO_LOCAL_TW_DEFAULT_MAX; seen on 6.18). catchUpRounds
// bounds how many of such batches may keep streams waiting.
const (
	taskBatch     = 20
	catchUpRounds = 16
)

// catchUp handles what else has completed before a stream gets its turn.
func (w *worker) catchUp(reaped int) error {
	for round := 0; len(w.streams) > 0 && reaped >= taskBatch && round < catchUpRounds; round++ {
		if err := w.ring.Submit(); err != nil {
			return err
		}
		reaped = w.ring.Reap(w.handle)
	}
	return nil
}

// handle dispatches one completion to what it belongs to.
func (w *worker) handle(completion uring.Completion) {
	data := userData(completion.UserData)
	switch op := data.operation(); op {
	case opRecvClient, opRecvTarget, opSendTarget, opSendClient, opWatchClient, opWatchTarget, opConnect:
		c := w.connections.At(data.slot())
		if c.generation != data.generation() || !c.expects(op) {
			w.stale(completion)
			return
		}
		switch op {
		case opConnect:
			w.connected(c, completion)
		case opRecvClient, opRecvTarget:
			w.received(c.half(op), completion)
		case opWatchClient, opWatchTarget:
			w.watched(c.half(op), completion)
		default:
			w.sent(c.half(op), completion)
		}
	case opAccept:
		w.accepted(w.listeners[data.slot()], completion)
	case opTimer:
		w.expired(w.timers.timers[data.slot()])
	case opWake:
		w.woken(completion.Errno())
	case opClose:
		w.closeFailed(int(data.generation()), completion.Errno())
	default:
		if op&opCancel == 0 {
			panic(fmt.Sprintf("ring: completion of %v", op))
		}
		w.cancelled(data, completion.Errno())
	}
}

// stale drops a completion that nobody waits for: of an operation whose connection is
// gone, so that it is never taken for one of the slot's new connection, or one too
// many. A buffer that came with it goes back.
func (w *worker) stale(completion uring.Completion) {
	w.counters.Stale.Add(1)
	if id, ok := completion.Buffer(); ok {
		w.pool.Release(w.pool.Take(id, uint32(max(completion.Result, 0)), completion.BufferMore()))
	}
}

// Inbox implements forward.Member.
func (w *worker) Inbox() *forward.Inbox { return w.inbox }

// Counters implements forward.Member.
func (w *worker) Counters() *forward.Counters { return &w.counters }

// Sample implements forward.Member.
func (w *worker) Sample() forward.Sample {
	stats := &w.ring.Stats
	return forward.Sample{
		Ring: forward.RingCounts{
			Enters:      stats.Enters,
			Submissions: stats.Submissions,
			Completions: stats.Completions,
			Overflows:   stats.Overflows,
			Dropped:     uint64(w.ring.Dropped()),
			Full:        stats.SQFull,
		},
		Pool: forward.PoolUse{
			Buffers:   w.pool.Buffers(),
			Available: w.pool.Available(),
			Bytes:     w.pool.Bytes(),
			Parked:    w.pool.Parked(),
		},
	}
}

// Stop implements forward.Member: it begins to end the worker.
func (w *worker) Stop() {
	w.mode = modeStopping
	w.stopAccepting()
	for _, c := range w.connections.All() {
		switch c.state {
		case stateFree:
		case stateClosing: // waits for nobody any more
			w.vacate(c)
		default:
			w.stop(c)
		}
	}
}

// stop ends a connection with the program: in peace if its target has ended and all is
// delivered, as the end of the target's stream would have been the end of it for the
// original.
func (w *worker) stop(c *connection) {
	if c.state == stateForwarding && c.halfOpen.Dormant() && c.toTarget.queued == 0 && !c.toTarget.done {
		w.drop(&c.toTarget)
		w.settle(c)
		return
	}
	c.stop()
	w.abort(c)
}

// LongestSilent implements forward.Member.
func (w *worker) LongestSilent() (time.Duration, bool) {
	c, silent := w.longestSilent()
	return silent, c != nil
}

// GiveUpLongestSilent implements forward.Member.
func (w *worker) GiveUpLongestSilent() bool {
	c, silent := w.longestSilent()
	if c == nil || silent < forward.GiveUpAfter {
		return false
	}
	w.counters.GivenUp.Add(1)
	w.policy.ReportGivenUp(c.route)
	c.outcome.Note(forward.GivenUp)
	w.abort(c)
	return true
}

// longestSilent is the half-open connection on which nothing has moved for longest, of
// those that have nothing left to deliver; nil if there is none.
func (w *worker) longestSilent() (longest *connection, silence time.Duration) {
	now := w.clock()
	for _, c := range w.connections.All() {
		if c.state != stateForwarding || !c.halfOpen.Is() || c.finished() || c.toTarget.queued+c.toClient.queued > 0 {
			continue
		}
		if c.toTarget.sourceIP && w.sockets.Unsent(c.client) > 0 || c.toClient.sourceIP && w.sockets.Unsent(c.target) > 0 {
			continue
		}
		if silent := c.halfOpen.Silent(now, c.toTarget.moved+c.toClient.moved); longest == nil || silent > silence {
			longest, silence = c, silent
		}
	}
	return longest, silence
}

// halfOpen notes that one side of a connection has ended, with all of that delivered.
func (w *worker) halfOpen(c *connection) {
	w.crew.BeginHalfOpen(&c.halfOpen, c.toClient.done, w.clock(), c.toTarget.moved+c.toClient.moved)
}

// Retire implements forward.Member.
func (w *worker) Retire() {
	if w.mode == modeServing {
		w.mode = modeRetiring
		w.stopAccepting()
	}
}

// Resume implements forward.Member.
func (w *worker) Resume() {
	if w.mode == modeQuiet {
		w.mode = modeServing
		for _, l := range w.listeners {
			w.accept(l)
		}
	}
}

// over tells whether the event loop may end.
func (w *worker) over() bool {
	if w.mode == modeServing || w.accepting() {
		return false
	}
	if w.mode == modeRetiring {
		// No accept is in flight that could let one more connection in.
		w.mode = modeQuiet
		w.crew.Quiet()
	}
	return w.mode == modeStopping && w.connections.InUse() == 0
}
