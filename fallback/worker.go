package fallback

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
)

// mode is what a worker is about.
type mode uint8

const (
	modeServing  mode = iota
	modeQuiet         // has stopped accepting, so that the crew can see whether it is idle
	modeStopping      // ends after the events at hand
)

// worker is one OS thread with one epoll set, shared by all its connections.
// Nothing but the inbox may be touched from elsewhere.
type worker struct {
	policy   *forward.Policy
	epoll    int
	events   []unix.EpollEvent
	block    []byte // what is being copied right now
	early    []byte // what travels with the connect at hand; nil without fast open
	blocks   *bufpool.Blocks
	pipes    *bufpool.Pipes
	sockets  socket.System
	crew     *forward.Crew
	index    int // of this worker in the crew
	inbox    *forward.Inbox
	counters forward.Counters // here, so that no other worker writes nearby

	mode        mode
	listeners   []*listener
	connections forward.Slots[connection]
	timers      timers
	busyPoll    forward.BusyPoll
	budget      int       // bytes that the half at hand may still receive in its turn
	line        []waiting // halves whose turn is to come, in order
	timed       bool      // connections have time limits: see limits.go
	clock       func() forward.Tick
	now         forward.Tick // at the beginning of this round; 0 unless timed
	wheel       forward.Wheel
	stopwatch   forward.Stopwatch
	tight       bool      // descriptors may run out: see shortage.go
	postponed   []waiting // connections that wait for a descriptor, in order

	backlogs     forward.Backlogs[*connection] // connections that wait for room in a target's backlog
	backlogTimed bool                          // a timer runs for them

	headers      forward.HeaderLine[*connection] // connections whose client has yet to send its header
	headersTimed bool                            // a timer runs for the first of them
}

// waiting is a half in a line: for its turn, or for a descriptor. The generation tells whether the connection is
// still the one that got in line.
type waiting struct {
	half       *half
	generation uint32
}

// kind is what an event belongs to.
type kind uint8

const (
	kindClient kind = iota
	kindTarget
	kindListener
	kindWake
)

// newEvent puts kind, slot and the slot's generation into an event's data, so
// that an event of an earlier connection in the slot is told apart, and the attempt, so
// that one of a socket is that could not be connected. Its 32 bits of Fd hold a kind, as
// many slots as forward.MaxConnections, and the last bits of the attempt.
func newEvent(k kind, slot, generation, attempt uint32) unix.EpollEvent {
	return unix.EpollEvent{Fd: int32(attempt<<26 | slot<<2 | uint32(k)), Pad: int32(generation)}
}

// watch adds a side of a connection to the epoll set, for its whole life.
func (w *worker) watch(c *connection, s *side) error {
	event := newEvent(kindClient, c.slot, c.generation, 0)
	if s == &c.target {
		event = newEvent(kindTarget, c.slot, c.generation, c.attempt)
	}
	event.Events = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLPRI | unix.EPOLLET
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, s.fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// run is the event loop.
func (w *worker) run() error {
	for _, l := range w.listeners {
		if err := w.accept(l); err != nil {
			return fmt.Errorf("listening on %s: epoll_ctl: %w", l.route.Listener.Address, err)
		}
	}
	for !w.over() {
		timeout := w.timers.wait()
		if len(w.line) > 0 {
			timeout = 0
		}
		n, err := w.wait(w.untilAlarm(timeout))
		if err != nil {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		w.readClock()
		for i := range n {
			w.handle(&w.events[i])
		}
		w.goOff()
		w.advance()
		w.timers.run()
		w.policy.Pulse.Round(w.index)
	}
	return nil
}

// wait returns the number of events that have come, within timeout.
func (w *worker) wait(timeout time.Duration) (int, error) {
	if timeout != 0 && w.busyPoll.Pays() {
		n, err := pollBusily(w.epoll, w.events, w.busyPoll.Limit())
		w.busyPoll.Polled(n > 0)
		if n > 0 || err != nil {
			return n, err
		}
	}
	began := w.busyPoll.Began()
	n, err := poll(w.epoll, w.events, timeout)
	w.busyPoll.Slept(began)
	return n, err
}

// handle dispatches one event to what it belongs to.
func (w *worker) handle(event *unix.EpollEvent) {
	slot := uint32(event.Fd) >> 2 & (forward.MaxConnections - 1)
	switch k := kind(event.Fd & 3); k {
	case kindListener:
		if l := w.listeners[slot]; l.accepting { // else the event is an old one
			w.accepted(l)
		}
	case kindWake:
		w.woken()
	default:
		c := w.connections.At(slot)
		old := k == kindTarget && uint32(event.Fd)>>26 != c.attempt&(1<<6-1)
		if c.generation != uint32(event.Pad) || c.state == stateFree || old {
			w.counters.Stale.Add(1)
			return
		}
		if k == kindClient {
			w.happened(&c.toTarget, event.Events)
		} else {
			w.happened(&c.toClient, event.Events)
		}
	}
}

// happened handles the events of a half's source, which is the other half's destination.
func (w *worker) happened(h *half, events uint32) {
	const gone = unix.EPOLLHUP | unix.EPOLLERR
	c, s, back := h.connection, h.source, h.opposite()
	s.readable = s.readable || events&(unix.EPOLLIN|unix.EPOLLRDHUP|gone) != 0
	s.writable = s.writable || events&(unix.EPOLLOUT|gone) != 0
	s.ended = s.ended || events&(unix.EPOLLRDHUP|gone) != 0
	s.closed = s.closed || events&unix.EPOLLHUP != 0 && !s.tcp
	s.urgent = s.urgent || events&unix.EPOLLPRI != 0
	s.drained = s.drained && events&(unix.EPOLLPRI|unix.EPOLLRDHUP|gone) == 0
	hangup := events&unix.EPOLLHUP != 0 && c.state == stateForwarding
	switch {
	case events&unix.EPOLLERR != 0, hangup && s.tcp && !back.done && !s.broken:
		w.broken(h)
	case hangup && !s.tcp:
		w.peerGone(h)
	}
	w.ready(c, s)
}

// broken handles a source that was reset. If it is still read, that will tell; else
// nobody would notice, and what is sent to it is in vain.
func (w *worker) broken(h *half) {
	c := h.connection
	switch {
	case c.state == stateForwarding:
		known := h.source.broken
		h.source.broken = true
		if h.ended || h.done {
			c.outcome.Note(forward.ResetBy(h.fromClient()))
			w.discard(h.opposite())
		}
		if !known {
			w.notForLong(h)
		}
	case c.state == stateGreeting: // reading will tell
	case h.fromClient():
		c.outcome.Note(forward.ClientReset)
		w.abort(c)
	}
}

// ready goes on with the halves that a side's event may concern.
func (w *worker) ready(c *connection, s *side) {
	switch c.state {
	case stateGreeting:
		w.readHeader(c)
	case stateResolving:
		w.checkLeft(c)
	case stateConnecting:
		if s == &c.target {
			w.connecting(c)
		} else {
			w.checkLeft(c)
		}
	case stateForwarding:
		generation := c.generation
		w.goOn(&c.toTarget)
		if c.state == stateForwarding && c.generation == generation {
			w.goOn(&c.toClient)
		}
	}
}

// goOn lets a half proceed: at once, or in its turn if it is a stream.
func (w *worker) goOn(h *half) {
	if h.splicing && !h.done {
		w.schedule(h)
	} else {
		w.proceed(h)
	}
}

// schedule puts a half in line for its turn.
func (w *worker) schedule(h *half) {
	if !h.scheduled {
		h.scheduled = true
		w.line = append(w.line, waiting{h, h.connection.generation})
	}
}

// advance gives the first half in line its turn. Between two turns the worker looks
// for events, so that a message waits for one of them at most.
func (w *worker) advance() {
	for len(w.line) > 0 {
		next := w.line[0]
		w.line = w.line[:copy(w.line, w.line[1:])]
		if h := next.half; h.connection.generation == next.generation && h.connection.state == stateForwarding {
			h.scheduled = false
			w.proceed(h)
			return
		}
	}
}

// woken runs the messages and takes the clients that have come in.
func (w *worker) woken() {
	var counter [8]byte
	_, _ = unix.Read(w.inbox.FD(), counter[:])
	messages, clients := w.inbox.Take()
	for _, message := range messages {
		message()
	}
	for _, client := range clients {
		w.take(client)
	}
}

// Inbox implements forward.Member.
func (w *worker) Inbox() *forward.Inbox { return w.inbox }

// Counters implements forward.Member.
func (w *worker) Counters() *forward.Counters { return &w.counters }

// Sample implements forward.Member. There is no ring, and no pool.
func (w *worker) Sample() forward.Sample { return forward.Sample{} }

// Stop implements forward.Member.
func (w *worker) Stop() {
	w.mode = modeStopping
	for _, l := range w.listeners {
		w.stopAccepting(l)
	}
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
	if c.state == stateForwarding && c.halfOpen.Dormant() && c.toTarget.empty() && !c.toTarget.done {
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
		if c.state != stateForwarding || !c.halfOpen.Is() || c.finished() || !c.toTarget.empty() || !c.toClient.empty() {
			continue
		}
		if c.client.tcp && w.sockets.Unsent(c.client.fd) > 0 || c.target.tcp && w.sockets.Unsent(c.target.fd) > 0 {
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
		w.mode = modeQuiet
		for _, l := range w.listeners {
			w.stopAccepting(l)
		}
		w.crew.Quiet()
	}
}

// Resume implements forward.Member.
func (w *worker) Resume() {
	if w.mode == modeQuiet {
		w.mode = modeServing
		for _, l := range w.listeners {
			w.acceptOrPause(l)
		}
	}
}

// over tells whether the event loop may end.
func (w *worker) over() bool { return w.mode == modeStopping }
