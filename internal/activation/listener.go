package activation

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// Listener is one listening stream socket. It is non-blocking and closed on
// exec, and it is never in the Go runtime's own epoll set: new connections wake
// the engine that reads FD, and nothing else.
//
// The holder of the Listener owns it and calls [Listener.Close]. The fields
// are read-only.
type Listener struct {
	// FD is the descriptor, always 3 or above, unless the listener belongs to a
	// Connection. Do not close it directly.
	FD int
	// Name is the descriptor's name in $LISTEN_FDNAMES (by default the name of
	// the socket unit), or "unknown" if it came without one; for --listen= it is the
	// name given there, or "listen" if none was. Names need not be unique.
	Name string
	// Family is unix.AF_INET, unix.AF_INET6, unix.AF_UNIX or unix.AF_VSOCK.
	Family int
	// Address is the local address in printable form: "127.0.0.1:80",
	// "[::]:80", "/run/x", "@name" or "vsock:2:80".
	Address string
	// Port is the local port, 0 for a UNIX socket.
	Port int
	// SendBuffer is the fixed size of its connections' send buffers (SendBuffer= of
	// systemd.socket(5)), in bytes as the kernel counts them, which is twice the setting;
	// 0 if the kernel sizes them dynamically.
	SendBuffer int

	inherits  socket.Inherits
	path      *boundPath // the file that Listen created, nil if there is none
	closeOnce sync.Once
	closeErr  error
}

// Close closes the socket and removes its file, if [Listen] created the file
// and it is still the same one. A file passed on by the service manager stays:
// the manager goes on listening there.
//
// Further calls do nothing and return what the first one returned. Clients that
// are not yet accepted are reset by the kernel, unless another process (such as the
// service manager) holds the same socket.
func (l *Listener) Close() error {
	l.closeOnce.Do(func() {
		// The file goes first. As long as the socket is open the kernel keeps the
		// file's inode, so no newer file can carry the same inode number.
		l.closeErr = errors.Join(l.path.remove(), unix.Close(l.FD))
	})
	return l.closeErr
}

// Accepted gives a socket that was accepted from the listener the usual options, whatever
// it has inherited. If it inherits none, no call is made.
func (l *Listener) Accepted(fd int) {
	if l.inherits != 0 {
		var sockets socket.System
		sockets.Undo(fd, l.inherits)
	}
}

// closeAll closes listeners that will not be handed out. Their errors would
// only hide the one that caused it.
func closeAll(listeners []*Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}
