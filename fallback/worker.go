package fallback

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/statistics"
)

// worker is one OS thread with one epoll set, shared by all its connections.
// Nothing but the inbox may be touched from elsewhere.
type worker struct {
	connection.Keeper
	epoll   int
	events  []unix.EpollEvent
	block   []byte // what is being copied right now
	blocks  *bufpool.Blocks
	pipes   *bufpool.Pipes
	sockets system

	transfers []*transfer // by slot
	timers    timers
	busyPoll  connection.BusyPoll
	budget    int             // bytes that the half at hand may still receive in its turn
	streams   connection.Line // halves whose turn is to come
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
// many slots as crew.MaxConnections, and the last bits of the attempt.
func newEvent(k kind, slot, generation, attempt uint32) unix.EpollEvent {
	return unix.EpollEvent{Fd: int32(attempt<<26 | slot<<2 | uint32(k)), Pad: int32(generation)}
}

// watch adds a socket of a connection to the epoll set, for its whole life.
func (w *worker) watch(fd int, event unix.EpollEvent) error {
	event.Events = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLPRI | unix.EPOLLET
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// Watch implements connection.Mover.
func (w *worker) Watch(of *connection.Connection) error {
	c := w.of(of)
	c.client.drained = c.Client.TCP
	return w.watch(c.Client.FD, newEvent(kindClient, c.Slot, c.Generation, 0))
}

// run is the event loop.
func (w *worker) run() error {
	if err := w.Listen(); err != nil {
		return err
	}
	for !w.Over() {
		timeout := w.timers.wait()
		if next := w.UntilAlarm(); next >= 0 && (timeout < 0 || next < timeout) {
			timeout = next
		}
		if w.streams.Len() > 0 {
			timeout = 0
		}
		n, err := w.wait(timeout)
		if err != nil {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		w.ReadClock()
		for i := range n {
			w.handle(&w.events[i])
		}
		w.GoOff()
		w.advance()
		w.timers.run()
		w.Pulse.Round(w.Index)
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
	slot := uint32(event.Fd) >> 2 & (crew.MaxConnections - 1)
	switch k := kind(event.Fd & 3); k {
	case kindListener:
		if l := w.Listener(slot); l.Accepting { // else the event is an old one
			w.accepted(l)
		}
	case kindWake:
		w.woken()
	default:
		c := w.transfers[slot]
		old := k == kindTarget && uint32(event.Fd)>>26 != c.attempt&(1<<6-1)
		if c.Generation != uint32(event.Pad) || c.State == connection.Free || old {
			w.Counts.Stale.Add(1)
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
	c, s, back := h.transfer, h.from, h.opposite()
	s.readable = s.readable || events&(unix.EPOLLIN|unix.EPOLLRDHUP|gone) != 0
	s.writable = s.writable || events&(unix.EPOLLOUT|gone) != 0
	s.ended = s.ended || events&(unix.EPOLLRDHUP|gone) != 0
	s.closed = s.closed || events&unix.EPOLLHUP != 0 && !h.Source.TCP
	s.urgent = s.urgent || events&unix.EPOLLPRI != 0
	s.drained = s.drained && events&(unix.EPOLLPRI|unix.EPOLLRDHUP|gone) == 0
	hangup := events&unix.EPOLLHUP != 0 && c.State == connection.Forwarding
	switch {
	case events&unix.EPOLLERR != 0, hangup && h.Source.TCP && !back.Done && !s.broken:
		w.broken(h)
	case hangup && !h.Source.TCP:
		w.PeerGone(&h.Half)
	}
	w.ready(c, s)
}

// broken handles a source that was reset. If it is still read, that will tell; else
// nobody would notice, and what is sent to it is in vain.
func (w *worker) broken(h *half) {
	c := h.transfer
	switch {
	case c.State == connection.Forwarding:
		known := h.from.broken
		h.from.broken = true
		if h.Ended || h.Done {
			w.SourceReset(&h.Half)
		}
		if !known {
			w.NotForLong(&h.Half)
		}
	case c.State == connection.Greeting: // reading will tell
	case h.FromClient():
		w.GiveUp(&h.Half)
	}
}

// ready goes on with the halves that a side's event may concern.
func (w *worker) ready(c *transfer, s *side) {
	switch {
	case c.State == connection.Greeting:
		w.ReadHeader(&c.Connection)
	case c.State.Awaits() && s == &c.client:
		w.checkLeft(c)
	case c.State == connection.Connecting:
		w.connecting(c)
	case c.State == connection.Forwarding:
		generation := c.Generation
		w.goOn(&c.toTarget)
		if c.State == connection.Forwarding && c.Generation == generation {
			w.goOn(&c.toClient)
		}
	}
}

// goOn lets a half proceed: at once, or in its turn if it is a stream.
func (w *worker) goOn(h *half) {
	if h.splicing && !h.Done {
		w.schedule(h)
	} else {
		w.proceed(h)
	}
}

// schedule puts a half in line for its turn.
func (w *worker) schedule(h *half) {
	if !h.scheduled {
		h.scheduled = true
		w.streams.Join(&h.Half)
	}
}

// advance gives the first half in line its turn. Between two turns the worker looks
// for events, so that a message waits for one of them at most.
func (w *worker) advance() {
	if first := w.streams.Pop(); first != nil {
		h := w.halfOf(first)
		h.scheduled = false
		w.proceed(h)
	}
}

// woken runs the messages and takes the clients that have come in.
func (w *worker) woken() {
	var counter [8]byte
	_, _ = unix.Read(w.Box.FD(), counter[:])
	w.TakeAll()
}

// Sample implements crew.Member. There is no ring, and no pool.
func (w *worker) Sample() statistics.Sample { return statistics.Sample{} }
