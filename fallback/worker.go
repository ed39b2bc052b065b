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
// that an event of an earlier connection in the slot is told apart. Its 32 bits
// of Fd hold a kind and as many slots as forward.MaxConnections.
func newEvent(k kind, slot, generation uint32) unix.EpollEvent {
	return unix.EpollEvent{Fd: int32(slot<<2 | uint32(k)), Pad: int32(generation)}
}

// watch adds a side of a connection to the epoll set, for its whole life.
func (w *worker) watch(c *connection, s *side) error {
	k := kindClient
	if s == &c.target {
		k = kindTarget
	}
	event := newEvent(k, c.slot, c.generation)
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
	slot := uint32(event.Fd) >> 2
	switch k := kind(event.Fd & 3); k {
	case kindListener:
		if l := w.listeners[slot]; l.accepting { // else the event is an old one
			w.accepted(l)
		}
	case kindWake:
		w.woken()
	default:
		c := w.connections.At(slot)
		if c.generation != uint32(event.Pad) || c.state == stateFree {
			w.counters.Stale.Add(1)
			return
		}
		s := &c.client
		if k == kindTarget {
			s = &c.target
		}
		const gone = unix.EPOLLHUP | unix.EPOLLERR
		s.readable = s.readable || event.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|gone) != 0
		s.writable = s.writable || event.Events&(unix.EPOLLOUT|gone) != 0
		s.ended = s.ended || event.Events&(unix.EPOLLRDHUP|gone) != 0
		s.drained = s.drained && event.Events&(unix.EPOLLPRI|unix.EPOLLRDHUP|gone) == 0
		if event.Events&unix.EPOLLERR != 0 {
			w.broken(c, s)
		}
		w.ready(c, s)
	}
}

// broken handles a side that was reset. If it is still read, that will tell; else
// nobody would notice, and what is sent to it is in vain.
func (w *worker) broken(c *connection, s *side) {
	from, to := &c.toTarget, &c.toClient
	if s == &c.target {
		from, to = to, from
	}
	switch {
	case c.state == stateForwarding && (from.ended || from.done):
		c.outcome.Note(forward.ResetBy(s == &c.client))
		w.discard(to)
	case c.state == stateGreeting: // reading will tell
	case c.state != stateForwarding && s == &c.client:
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
			c.stop()
			w.abort(c)
		}
	}
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
