package load

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a connection of the client or of the server; for connect-* a slot for one
// connection after the other. Its loop owns it.
type conn struct {
	fd       int
	interest uint32 // epoll events that are asked for
	first    uint64 // position in the pattern of the first byte
	sent     uint64 // bytes of payload that the kernel has taken
	received uint64 // bytes of payload that arrived and were correct
	due      int64  // when the request in flight was to be sent, by the loop's clock
	flying   bool   // a request has no complete reply yet
	unsent   []byte // bytes to send that the kernel has not taken yet
	header   []byte // first bytes of a stream, until there are headerSize
	worked   bool   // has had its first reply
}

// loop waits for sockets and calls handle for each that is ready.
type loop struct {
	epoll   int
	conns   []*conn // by descriptor
	started time.Time
	events  [256]unix.EpollEvent
}

func newLoop() (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &loop{epoll: epoll, started: time.Now()}, nil
}

// now returns the nanoseconds since the loop was made.
func (l *loop) now() int64 { return int64(time.Since(l.started)) }

// add starts to wait for events on fd, for c; c is nil if fd is not a connection.
func (l *loop) add(fd int, events uint32, c *conn) error {
	for len(l.conns) <= fd {
		l.conns = append(l.conns, nil)
	}
	l.conns[fd] = c
	if c != nil {
		c.fd, c.interest = fd, events
	}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// want changes what c waits for.
func (l *loop) want(c *conn, events uint32) error {
	if c.interest == events {
		return nil
	}
	c.interest = events
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: events, Fd: int32(c.fd)})
}

// drop closes c's socket.
func (l *loop) drop(c *conn) {
	if c.fd >= 0 {
		if c.fd < len(l.conns) {
			l.conns[c.fd] = nil
		}
		_ = unix.Close(c.fd)
		c.fd = -1
	}
}

// wait handles the sockets that are ready; it waits until there is one.
func (l *loop) wait(handle func(fd int, c *conn, events uint32)) error {
	n, err := unix.EpollWait(l.epoll, l.events[:], -1)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll_wait: %w", err)
	}
	for i := range max(n, 0) {
		event := &l.events[i]
		// Each descriptor occurs once, and its handler closes no other.
		handle(int(event.Fd), l.conns[event.Fd], event.Events)
	}
	return nil
}
