package fallback

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
)

// acceptBatch is how many connections one event lets in before others get their
// turn.
const acceptBatch = 64

// listener is a route's listening socket, as its worker sees it.
type listener struct {
	index     uint32
	route     *forward.Route
	accepting bool          // it is in the epoll set
	paused    bool          // until a timer fires
	pause     time.Duration // the last pause after an error
}

// accept starts accepting, unless it is under way, paused, clients wait in line, or
// the worker is about to end. Of several workers, a connection wakes one.
func (w *worker) accept(l *listener) error {
	if l.accepting || l.paused || w.mode != modeServing || len(w.postponed) > 0 {
		return nil
	}
	event := newEvent(kindListener, l.index, 0, 0)
	event.Events = unix.EPOLLIN | unix.EPOLLEXCLUSIVE
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, l.route.Listener.FD, &event); err != nil {
		return err
	}
	l.accepting = true
	return nil
}

// acceptOrPause is accept where an error (no memory) is to be got over.
func (w *worker) acceptOrPause(l *listener) {
	if err := w.accept(l); err != nil {
		l.pause = forward.AcceptPause(err.(syscall.Errno), l.pause)
		w.policy.ReportAcceptFailed(l.route.Listener, err, l.pause)
		w.pauseAccepting(l)
	}
}

// stopAccepting takes a listener out of the epoll set.
func (w *worker) stopAccepting(l *listener) {
	if l.accepting {
		l.accepting = false
		_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, l.route.Listener.FD, nil)
	}
}

// accepted takes the connections that wait at a listener.
func (w *worker) accepted(l *listener) {
	for i := 0; i < acceptBatch && l.accepting; i++ {
		fd, _, err := unix.Accept4(l.route.Listener.FD, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			l.pause = 0
			w.admit(l, fd)
		case unix.EAGAIN:
			if i == 0 {
				w.policy.Gate.FoundNobody()
			}
			return
		case unix.EINTR:
		default:
			if forward.AboutClient(err.(syscall.Errno)) {
				w.policy.Gate.FoundNobody()
			}
			l.pause = forward.AcceptPause(err.(syscall.Errno), l.pause)
			w.policy.ReportAcceptFailed(l.route.Listener, err, l.pause)
			if l.pause > 0 {
				w.pauseAccepting(l)
			}
			return
		}
	}
}

// pauseAccepting takes a listener out of the epoll set for a while.
func (w *worker) pauseAccepting(l *listener) {
	w.pipes.Drop()
	w.stopAccepting(l)
	l.paused = true
	w.timers.start(l.pause, func() {
		l.paused = false
		w.acceptOrPause(l)
	})
}

// admit gives an accepted descriptor to the worker that is to serve it, or closes
// it at the limit.
func (w *worker) admit(l *listener, fd int) {
	l.route.Listener.Accepted(fd)
	// Those who have reset already must not cost others their places.
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
		c.target.fd = client.Reserve
	}
	c.since, c.began = w.now, w.stopwatch.Now()
	if w.policy.LogConnections {
		c.account = forward.NewAccount(w.sockets.Peer(client.FD))
	}
	if c.passing = w.policy.Passes(client.Route); c.passing {
		w.sockets.Prepare(client.FD)
	}
	if err := w.watch(c, &c.client); err != nil {
		w.unreachable(c, err)
		return
	}
	w.resolve(c)
}
