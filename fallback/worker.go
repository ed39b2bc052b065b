package fallback

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/crew"
)

// worker is one OS thread with one epoll set, shared by all its connections.
// Nothing but the inbox may be touched from elsewhere.
type worker struct {
	connection.Keeper
	epoll  int
	events []unix.EpollEvent
	ready  int    // of those, that have come in this round
	block  []byte // what is being copied right now
	blocks *bufpool.Blocks

	transfers []*transfer // by slot
	timers    timers
	budget    int // bytes that the half at hand may still receive in its turn
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

// Watch implements connection.Mover: a client is watched for all from the beginning on.
func (w *worker) Watch(of *connection.Connection, what connection.Watched) error {
	if what != connection.ForErrors {
		return nil
	}
	w.of(of).client.drained = of.Client.TCP
	return w.watch(of.Client.FD, newEvent(kindClient, of.Slot, of.Generation, 0))
}

// Run implements crew.Worker.
func (w *worker) Run() error {
	err := w.Serve()
	if err != nil {
		w.Stop() // resets what a fault has left
	}
	return err
}

// Sleep implements connection.Mover.
func (w *worker) Sleep(limit time.Duration) (err error) {
	if w.ready, err = poll(w.epoll, w.events, w.timers.sooner(limit)); err != nil {
		return fmt.Errorf("epoll_wait: %w", err)
	}
	return nil
}

// Poll implements connection.Mover.
func (w *worker) Poll(limit time.Duration) (bool, error) {
	for began := time.Now(); ; {
		err := w.Sleep(0)
		if w.ready > 0 || err != nil || time.Since(began) > limit {
			return w.ready > 0, err
		}
	}
}

// Handle implements connection.Mover.
func (w *worker) Handle() error {
	for i := range w.ready {
		w.handle(&w.events[i])
	}
	w.ready = 0
	return nil
}

// EndRound implements connection.Mover.
func (w *worker) EndRound() { w.expire() }

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
		w.happened(c, &c.halves[k], event.Events)
	}
}

// happened handles the events of a half's source, which is the other half's destination.
func (w *worker) happened(c *transfer, h *half, events uint32) {
	const gone = unix.EPOLLHUP | unix.EPOLLERR
	s, generation := h.from, c.Generation
	s.readable = s.readable || events&(unix.EPOLLIN|unix.EPOLLRDHUP|gone) != 0
	s.writable = s.writable || events&(unix.EPOLLOUT|gone) != 0
	s.urgent = s.urgent || events&unix.EPOLLPRI != 0
	s.drained = s.drained && events&(unix.EPOLLPRI|unix.EPOLLRDHUP|gone) == 0
	if c.State == connection.Greeting {
		w.ReadHeader(&c.Connection)
		if c.Generation != generation {
			return
		}
	}
	switch {
	case c.State == connection.Connecting && !h.FromClient():
		w.connecting(c)
		return
	case events&(unix.EPOLLRDHUP|gone) != 0: // perhaps behind a header: nothing else tells of it
		w.Heard(&h.Half, int16(events)) // poll(2) has the same bits
	}
	for i := range c.halves {
		if c.State == connection.Forwarding && c.Generation == generation {
			w.goOn(&c.halves[i])
		}
	}
}

// goOn lets a half proceed: at once, or in its turn if it is a stream.
func (w *worker) goOn(h *half) {
	if h.Way == connection.WaySplice && !h.Done {
		w.Schedule(&h.Half)
		return
	}
	w.proceed(h)
}

// woken runs the messages and takes the clients that have come in.
func (w *worker) woken() {
	var counter [8]byte
	_, _ = unix.Read(w.Box.FD(), counter[:])
	w.TakeAll()
}
