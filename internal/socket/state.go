package socket

import "golang.org/x/sys/unix"

// What the kernel says about a socket without changing it. A socket reports an error only
// once: a receive, a send, a peek or SO_ERROR takes it, whichever comes first. None of the
// calls here does.

// Events returns the current poll(2) events of a socket: those asked for, and POLLERR and
// POLLHUP.
func (System) Events(fd int, asked int16) int16 {
	polled := []unix.PollFd{{Fd: int32(fd), Events: asked}}
	return System{}.AllEvents(polled)[0].Revents
}

// AllEvents fills in the events of several sockets with one call, and returns them.
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

// Closed reports whether a TCP connection is over in both directions although neither was
// ended here: its peer has reset it, or the kernel has given it up. A receive from it
// returns 0, as at the end of a stream, if another call has taken the error
// (inet_getname in net/ipv4/af_inet.c).
func (System) Closed(fd int) bool {
	_, err := unix.Getpeername(fd)
	return err == unix.ENOTCONN
}

// Unsent returns how many of the bytes sent the peer has not taken yet, if the kernel knows
// (SIOCOUTQ): TCP counts what is not acknowledged, a UNIX socket what is not received,
// including the kernel's own overhead. The end of a stream does not count, although TCP
// counts it like a byte until the peer's kernel acknowledges it.
func (System) Unsent(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil || n == 1 && endUnacknowledged(fd) {
		return 0
	}
	return n
}

// endUnacknowledged reports whether a TCP socket has ended its stream and the peer has not
// acknowledged that yet.
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

// Unanswered reports whether a TCP peer owes an answer, to data or to a window probe, and
// for how many milliseconds nothing has come from it.
func (System) Unanswered(fd int) (owes bool, silent uint32) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return false, 0
	}
	return info.Retransmits > 0 || info.Probes > 0, info.Last_ack_recv
}
