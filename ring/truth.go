package ring

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// What the kernel says of a stream is not always so. docs/kernel-claims.md lists what this
// engine rests on; here it looks again where a claim is known to be false at times.

// sourceEnded handles a source of which the kernel has said that its stream is over.
//
// It also says so of a TCP connection that was reset if a send has taken the error: one in
// flight, which may not have told yet, or a splice that has moved some first.
func (w *worker) sourceEnded(h *half) {
	back := h.opposite()
	if h.sourceIP && !back.done && (back.sending || back.short) && w.sockets.Closed(h.source()) {
		w.sourceFailed(h)
		return
	}
	h.end()
	if !h.sourceIP {
		w.peerMayBeGone(h, w.sockets.Events(h.source(), 0))
	}
}

// spliceEnded handles a splice that has found the end. It stops at the urgent mark of a TCP
// stream, and says the same there if the FIN has come (tcp_splice_read in net/ipv4/tcp.c):
// a plain receive goes on.
func (w *worker) spliceEnded(h *half) {
	if h.queued > 0 {
		return // first what came before; then the splice is tried once more
	}
	var next [1]byte
	switch n, errno := w.sockets.Peek(h.source(), next[:]); {
	case errno == unix.EINTR:
	case errno == unix.EAGAIN, n > 0:
		w.unstream(h)
	case errno != 0:
		w.sourceFailed(h)
	default:
		w.sourceEnded(h)
	}
}

// peerMayBeGone handles the events of a UNIX source that has ended its stream: it may have
// closed altogether, and with bytes that it has not taken.
func (w *worker) peerMayBeGone(h *half, events int16) {
	switch {
	case events&unix.POLLERR != 0:
		h.connection.outcome.Note(forward.ResetBy(h.fromClient()))
		w.discard(h.opposite())
	case events&unix.POLLHUP != 0:
		w.peerGone(h)
	}
}

// peerGone handles the peer of a half's source that has closed altogether, as a UNIX socket
// tells: nothing can be delivered to it. What it has sent still is.
func (w *worker) peerGone(h *half) {
	back := h.opposite()
	back.forNobody = true
	if back.sending && !back.blocked {
		return // what is being sent may have been taken before: its completion tells
	}
	w.endForNobody(back)
}

// endForNobody ends a half whose destination has closed altogether. If there is something
// left that it was to have, it has broken off.
func (w *worker) endForNobody(h *half) {
	switch {
	case h.done:
	case h.queued > 0 || len(h.passed) > 0:
		h.connection.outcome.Note(forward.ResetBy(!h.fromClient()))
		w.discard(h)
	default:
		h.connection.outcome.Note(forward.EndedBy(!h.fromClient()))
		w.drop(h)
	}
}

// sourceBroke handles a source that is known to be broken, whether it is being read or not.
func (w *worker) sourceBroke(h *half) {
	w.sourceFailed(h)
	w.stopReceiving(h)
	w.proceed(h)
}

// kickSilent has those receive anew by a multishot recv that the kernel has something to
// tell about. As a rule it is about to. But where such a recv has taken the last bytes and
// knows that there are no more, a reset that comes right then is lost (io_poll_check_events
// in io_uring/poll.c, before 7.0); and where it finds urgent data while a signal is pending
// it is told that there is nothing (tcp_recvmsg_locked in net/ipv4/tcp.c), and waits for
// more. Those that have received or begun to since the last look are looked at, and others
// in turn.
//
// A side that is not read is looked at as well while the worker looks at all, in case its
// watch has not told of an error.
func (w *worker) kickSilent(silent []*half) {
	w.polled = w.polled[:0]
	for _, h := range silent {
		asked := int16(unix.POLLIN | unix.POLLRDHUP)
		if !h.receiving {
			asked = 0
		}
		w.polled = append(w.polled, unix.PollFd{Fd: int32(h.source()), Events: asked})
	}
	for i, p := range w.sockets.AllEvents(w.polled) {
		switch h := silent[i]; {
		case p.Revents == 0, h.connection.state != stateForwarding:
		case h.receiving:
			w.stopReceiving(h)
		default:
			w.heard(h, int32(p.Revents))
		}
	}
}
