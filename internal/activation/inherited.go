package activation

import (
	"errors"
	"fmt"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// Inherited returns the listeners that the service manager passed, in its
// order, by the protocol of sd_listen_fds(3). If nothing was passed to this
// process it returns nil and no error. The caller closes each listener.
//
// The variables of the protocol are gone from the environment afterwards,
// whatever the outcome, as after the original's sd_listen_fds(1). A second call
// therefore finds nothing.
//
// Each descriptor must be a listening stream socket of IPv4, IPv6 or UNIX. It is
// made non-blocking, as the original does. If one is unfit, or a variable is
// malformed, the error says which and how to put it right, and no listener is
// kept open; descriptors that were refused unseen are left for exit to close.
func Inherited() ([]*Listener, error) {
	defer unsetOffer()
	offered, err := readOffer()
	if err != nil || offered.count == 0 {
		return nil, err
	}
	if err := offered.inspect(); err != nil {
		return nil, err
	}
	return offered.take()
}

// take turns an inspected offer into listeners: all of them, or none.
func (o offer) take() ([]*Listener, error) {
	var listeners []*Listener
	var failures []error
	// No early exit: each file that is not adopted must still be closed.
	for i, file := range activation.Files(false) {
		l, err := adopt(file, o.name(i))
		if err != nil {
			failures = append(failures, fmt.Errorf("file descriptor %d (%q): %w", firstDescriptor+i, o.name(i), err))
			continue
		}
		listeners = append(listeners, l)
	}
	if len(failures) > 0 {
		closeAll(listeners)
		return nil, errors.Join(failures...)
	}
	return listeners, nil
}

// adopt moves the socket of file to a descriptor of our own and closes file.
//
// An os.File over a non-blocking descriptor is a member of the Go runtime's
// epoll set: each new connection would wake a runtime thread that has no
// business with it. Closing the file ends the membership (the runtime removes it
// explicitly, as our duplicate keeps the socket alive), and the duplicate never
// was a member.
func adopt(file *os.File, name string) (*Listener, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, firstDescriptor)
	if err = errors.Join(err, file.Close()); err != nil {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		return nil, err
	}
	l := &Listener{FD: fd, Name: name}
	if err := l.describe(); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// describe makes the inherited socket non-blocking and fills in what the kernel
// knows of it.
func (l *Listener) describe() (err error) {
	if err := unix.SetNonblock(l.FD, true); err != nil {
		return fmt.Errorf("cannot be made non-blocking: %w", err)
	}
	if l.Family, err = socketFamily(l.FD); err != nil {
		return err
	}
	l.Address, l.Port, err = localAddress(l.FD)
	return err
}
