package activation

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// Connection is a connected stream socket that the service manager has accepted itself
// and passed on (Accept=yes in systemd.socket(5)). It is closed on exec and, like a
// Listener, never in the Go runtime's epoll set. It is blocking or non-blocking as it was
// passed.
type Connection struct {
	// FD is the descriptor, always 3 or above. The holder of the Connection owns it.
	FD int
	// Listener is where the client connected to, as far as the connection shows: its
	// address is the connection's own, and its FD is -1, because the service manager
	// keeps the socket. Its name is "connection", as for all connections from systemd.
	Listener *Listener
}

// Reset ends a connection that nobody forwards, in a way that does not look complete to
// its client.
func (c *Connection) Reset() {
	var sockets socket.System
	sockets.ResetOnClose(c.FD)
	sockets.Close(c.FD)
}

// adoptConnection describes a connected socket. On an error the caller keeps owning it.
func adoptConnection(fd int, name string) (*Connection, error) {
	l := &Listener{FD: -1, Name: name}
	if err := l.describe(fd); err != nil {
		return nil, err
	}
	var sockets socket.System
	sockets.Undo(fd, sockets.Inherited(fd))
	return &Connection{FD: fd, Listener: l}, nil
}

// hasBeenConnected reports whether a stream socket that does not listen is connected, or
// was. If the client has reset the connection meanwhile, the peer has no address any more
// (ENOTCONN), but the stream has ended; that of a socket that was never connected has not.
func hasBeenConnected(fd int) bool {
	if _, err := unix.Getpeername(fd); err == nil {
		return true
	}
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n == 1 && poll[0].Revents&unix.POLLRDHUP != 0
}
