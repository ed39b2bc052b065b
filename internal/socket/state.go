package socket

import "golang.org/x/sys/unix"

// What the kernel says of a socket without changing it. A socket tells of an error once,
// to whoever asks first: a receive, a send, a peek or SO_ERROR takes it. None of the calls
// here does.

// Events are those of poll(2) that a socket has now: the ones asked for, and POLLERR and
// POLLHUP.
func (System) Events(fd int, asked int16) int16 {
	polled := []unix.PollFd{{Fd: int32(fd), Events: asked}}
	return System{}.AllEvents(polled)[0].Revents
}

// AllEvents fills in the events of several sockets by one call, and returns them.
func (System) AllEvents(polled []unix.PollFd) []unix.PollFd {
	if len(polled) == 0 {
		return polled
	}
	for i := range polled {
		polled[i].Revents = 0
	}
	for {
		if _, err := unix.Poll(polled, 0); err != unix.EINTR {
			return polled
		}
	}
}

// Closed tells whether a TCP connection is over in both directions though nobody here has
// ended either: its peer has reset it, or the kernel has given it up. A receive from it
// returns 0, as at the end of a stream, if another call has taken the error
// (inet_getname in net/ipv4/af_inet.c).
func (System) Closed(fd int) bool {
	_, err := unix.Getpeername(fd)
	return err == unix.ENOTCONN
}

// Unsent is how many bytes of those that have been sent the peer has not taken yet, where
// the kernel tells (SIOCOUTQ): TCP counts what is not acknowledged, a UNIX socket what is
// not received, with the kernel's own overhead. The end of a stream, which TCP counts like a
// byte until the peer's kernel acknowledges it, is none.
func (System) Unsent(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil || n == 1 && endUnacknowledged(fd) {
		return 0
	}
	return n
}

// endUnacknowledged tells whether a TCP socket has ended its stream, and has yet to hear
// that the peer knows.
func endUnacknowledged(fd int) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return false
	}
	switch info.State {
	case unix.BPF_TCP_FIN_WAIT1, unix.BPF_TCP_CLOSING, unix.BPF_TCP_LAST_ACK:
		return true
	}
	return false
}

// Unanswered tells whether a TCP peer owes an answer, to data or to a question about its
// window, and for how many milliseconds nothing has come of it.
func (System) Unanswered(fd int) (owes bool, silent uint32) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return false, 0
	}
	return info.Retransmits > 0 || info.Probes > 0, info.Last_ack_recv
}
