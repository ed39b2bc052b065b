package ring

import (
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/ring/uring"
)

// listener is a route's listening socket, as its worker sees it.
type listener struct {
	index     uint32
	route     *forward.Route
	accepting bool          // an accept is in flight
	pause     time.Duration // the last pause after an error
	timer     *timer        // ends a pause
}

// accept starts accepting, unless it is under way, paused, clients wait in line, or
// the worker is about to end.
func (w *worker) accept(l *listener) {
	if l.accepting || l.timer.running || w.mode != modeServing || len(w.postponed) > 0 {
		return
	}
	l.accepting = true
	accept := w.ring.Accept
	if w.acceptMultishot {
		accept = w.ring.AcceptMultishot
	}
	accept(l.route.Listener.FD, uint64(newUserData(opAccept, l.index, 0)))
}

// accepted handles a completion of a listener's accept.
func (w *worker) accepted(l *listener, completion uring.Completion) {
	if !completion.More() {
		l.accepting = false
	}
	switch errno := completion.Errno(); errno {
	case 0:
		l.pause = 0
		w.admit(l, int(completion.Result))
	case unix.ECANCELED, unix.EINTR:
	default:
		if forward.AboutClient(errno) {
			w.policy.Gate.FoundNobody()
		}
		l.pause = forward.AcceptPause(errno, l.pause)
		w.policy.ReportAcceptFailed(l.route.Listener, errno, l.pause)
		if l.pause > 0 {
			w.pipes.Drop()
			w.start(l.timer, l.pause)
		}
	}
	w.accept(l)
}

// stopAccepting cancels the accepts of all listeners.
func (w *worker) stopAccepting() {
	for _, l := range w.listeners {
		if l.accepting {
			w.cancel(newUserData(opAccept, l.index, 0))
		}
	}
}

// accepting tells whether any accept is in flight.
func (w *worker) accepting() bool {
	for _, l := range w.listeners {
		if l.accepting {
			return true
		}
	}
	return false
}

// admit gives an accepted descriptor to the worker that is to serve it, or closes
// it at the limit.
func (w *worker) admit(l *listener, fd int) {
	l.route.Listener.Accepted(fd)
	if w.mode == modeStopping {
		w.close(fd, true)
		return
	}
	// A multishot accept takes the whole backlog, those who have reset included; they
	// must not cost others their places.
	if w.policy.Gate.Crowded() && socket.IsIP(l.route.Listener.Family) && w.sockets.Closed(fd) {
		w.policy.Gate.FoundNobody()
		w.close(fd, false)
		return
	}
	client := forward.Client{Route: l.route, FD: fd}
	switch to, verdict := w.crew.Admit(client, w.index, &w.counters); {
	case verdict == forward.Refused:
		w.close(fd, false)
	case verdict == forward.Waits:
	case to != w.index:
		w.handOver(client, to)
	default:
		w.take(client)
	}
}

// handOver gives a client to another worker, with a descriptor for its target where those
// may run out: without, it stays, and waits here, where accepting can stop for it.
func (w *worker) handOver(client forward.Client, to int) {
	if w.tight {
		fd, err := w.newReserve()
		if err != nil {
			w.crew.Keep(w.index, to)
			w.take(client)
			return
		}
		client.Reserve = fd
	}
	w.crew.HandOver(client, to)
}

// take makes a client that was let in a connection of this worker.
func (w *worker) take(client forward.Client) {
	if w.mode == modeStopping {
		w.crew.Dismiss(client, w.index)
		return
	}
	w.counters.Served.Add(1)
	w.sockets.Tune(client.FD, client.Route.Listener.Family)
	slot, c := w.connections.Allocate()
	c.begin(slot, client.Route, client.FD)
	if client.Reserve > 0 {
		c.target = client.Reserve
	}
	c.since, c.began = w.now, w.stopwatch.Now()
	if w.policy.LogConnections {
		c.account = forward.NewAccount(w.sockets.Peer(client.FD))
	}
	if c.passing = w.policy.Passes(client.Route); c.passing {
		w.sockets.Prepare(client.FD)
	}
	w.turnDeaf(c)
	w.resolve(c)
}
