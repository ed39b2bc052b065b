package activation

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// Connection is a connected stream socket that the service manager has accepted itself
// and passed on (Accept=yes in systemd.socket(5)). It is closed on exec and, like a
// Listener, never in the Go runtime's epoll set. Whether it is non-blocking is as it
// was passed.
type Connection struct {
	// FD is the descriptor, always 3 or above. Whoever received the Connection owns
	// it.
	FD int
	// Listener is where the client has connected to, as far as the connection tells:
	// its address is the connection's own, and its FD is -1, as the service manager
	// keeps the socket. The name is "connection", as systemd calls them all.
	Listener *Listener
}

// Reset ends a connection that nobody forwards, so that to its client nothing looks
// complete.
func (c *Connection) Reset() {
	var sockets socket.System
	sockets.ResetOnClose(c.FD)
	sockets.Close(c.FD)
}

// adoptConnection describes a connected socket. On an error it stays the caller's.
func adoptConnection(fd int, name string) (*Connection, error) {
	l := &Listener{FD: -1, Name: name}
	if err := l.describe(fd); err != nil {
		return nil, err
	}
	var sockets socket.System
	sockets.Undo(fd, sockets.Inherited(fd))
	return &Connection{FD: fd, Listener: l}, nil
}

// hasBeenConnected tells whether a stream socket that does not listen is connected, or
// was. A client that has reset its connection meanwhile has no address any more
// (ENOTCONN), but its stream has ended; that of a socket which was never connected has
// not.
func hasBeenConnected(fd int) bool {
	if _, err := unix.Getpeername(fd); err == nil {
		return true
	}
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n == 1 && poll[0].Revents&unix.POLLRDHUP != 0
}
