package ring

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
)

// spliceEnded handles a splice that has found the end. It stops at the urgent mark of a TCP
// stream, and says the same there if the FIN has come (tcp_splice_read in net/ipv4/tcp.c):
// a plain receive goes on.
func (w *worker) spliceEnded(h *half) {
	if h.Held > 0 {
		return // first what came before; then the splice is tried once more
	}
	var next [1]byte
	switch n, errno := w.sockets.Peek(h.Source.FD, next[:]); {
	case errno == unix.EINTR:
	case errno == unix.EAGAIN, n > 0:
		w.Unstream(&h.Half)
	case errno != 0:
		w.SourceFailed(&h.Half)
	default:
		w.SourceEnded(&h.Half)
	}
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
	polled := w.watches.polled[:0]
	for _, h := range silent {
		asked := int16(unix.POLLIN | unix.POLLRDHUP)
		if !h.Reading.InFlight() {
			asked = 0
		}
		polled = append(polled, unix.PollFd{Fd: int32(h.Source.FD), Events: asked})
	}
	w.watches.polled = polled
	for i, p := range w.sockets.AllEvents(polled) {
		switch h := silent[i]; {
		case p.Revents == 0, h.Connection.State != connection.Forwarding:
		case h.Reading.InFlight():
			w.stopReceiving(h)
		default:
			w.Heard(&h.Half, p.Revents)
			w.Settle(h.Connection)
		}
	}
}
