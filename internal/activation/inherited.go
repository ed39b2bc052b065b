package activation

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// Inherited returns the sockets that the service manager passed, in its order, by the
// protocol of sd_listen_fds(3): listeners, and connections that it has accepted itself.
// If nothing was passed to this process it returns nil and no error. The caller closes
// each of them.
//
// Afterwards the variables of the protocol are gone from the environment, whatever the
// outcome, as after the original's sd_listen_fds(1). A second call therefore finds
// nothing.
//
// Each descriptor must be a stream socket of IPv4, IPv6, UNIX or VSOCK that listens or
// is connected. A listener is made non-blocking, as in the original. If a descriptor is
// unsuitable, or a variable is malformed, the error says which and how to fix it, and no
// socket is kept open; descriptors refused without a look are left open until exit.
func Inherited() ([]*Listener, []*Connection, error) {
	defer unsetOffer()
	offered, err := readOffer()
	if err != nil || offered.count == 0 {
		return nil, nil, err
	}
	if err := offered.inspect(); err != nil {
		return nil, nil, err
	}
	return offered.take()
}

// take turns an inspected offer into sockets: either all or none.
func (o offer) take() (listeners []*Listener, connections []*Connection, err error) {
	var failures []error
	// No early exit: each descriptor that is not adopted must still be closed.
	for i := range o.count {
		fd := firstDescriptor + i
		l, c, err := adopt(fd, o.name(i))
		switch {
		case err != nil:
			failures = append(failures, fmt.Errorf("file descriptor %d (%q): %w", fd, o.name(i), err))
		case l != nil:
			listeners = append(listeners, l)
		default:
			connections = append(connections, c)
		}
	}
	if len(failures) > 0 {
		closeAll(listeners)
		for _, c := range connections {
			c.Reset()
		}
		return nil, nil, errors.Join(failures...)
	}
	return listeners, connections, nil
}

// adopt makes a listener or a connection from a descriptor, or closes it. It makes no
// os.File: then the runtime would watch the socket, and each new client would wake a
// thread that has nothing to do with it.
func adopt(fd int, name string) (l *Listener, c *Connection, err error) {
	unix.CloseOnExec(fd)
	listens, err := listening(fd)
	switch {
	case err != nil:
	case listens:
		l, err = adoptListener(fd, name)
	default:
		c, err = adoptConnection(fd, name)
	}
	if err != nil {
		_ = unix.Close(fd)
	}
	return l, c, err
}

// adoptListener makes a listening socket non-blocking, and describes it. On an error the
// caller keeps owning it.
func adoptListener(fd int, name string) (*Listener, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("cannot be made non-blocking: %w", err)
	}
	l := &Listener{FD: fd, Name: name}
	if err := l.describe(fd); err != nil {
		return nil, err
	}
	var sockets socket.System
	l.inherits = sockets.Accepting(fd, l.Family)
	return l, nil
}

// describe fills in what the kernel knows about a socket.
func (l *Listener) describe(fd int) (err error) {
	if l.Family, err = socketFamily(fd); err != nil {
		return err
	}
	l.SendBuffer = fixedSendBuffer(fd)
	l.Address, l.Port, err = localAddress(fd)
	return err
}

// fixedSendBuffer returns the size of a socket's send buffer if it was set explicitly,
// otherwise 0. Before Linux 5.14 there is no way to know (SO_BUF_LOCK).
func fixedSendBuffer(fd int) int {
	locked, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BUF_LOCK)
	if err != nil || locked&sendBufferLocked == 0 {
		return 0
	}
	size, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
	if err != nil {
		return 0
	}
	return size
}

// sendBufferLocked is SOCK_SNDBUF_LOCK of linux/socket.h.
const sendBufferLocked = 1
