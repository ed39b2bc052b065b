package socket

import "golang.org/x/sys/unix"

// Inherits is a set of options of a listener that the sockets accepted from it inherit,
// and that the code moving the bytes does not expect.
type Inherits uint8

// option is one such option.
type option struct {
	set  func(fd int) bool
	undo func(fd int)
}

// unexpected are all such options. With SO_LINGER, a close waits, and the worker with it, or
// discards what is still to be sent; with SO_RCVLOWAT, bytes that have arrived are not
// reported; with TCP_CORK they are sent late; SO_PEEK_OFF hides some from a peek
// (for TCP from 6.9 on); and timeouts end calls that should wait.
var unexpected = [...]option{
	{
		func(fd int) bool {
			l, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER)
			return err == nil && l.Onoff != 0
		},
		func(fd int) { _ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{}) },
	},
	number(unix.SOL_SOCKET, unix.SO_RCVLOWAT, 1),
	number(unix.IPPROTO_TCP, unix.TCP_CORK, 0),
	number(unix.SOL_SOCKET, unix.SO_PEEK_OFF, -1),
	timeout(unix.SO_RCVTIMEO),
	timeout(unix.SO_SNDTIMEO),
}

// number is an option with the value that a new socket has. An option that the kernel does
// not know is not set.
func number(level, name, usual int) option {
	return option{
		func(fd int) bool {
			value, err := unix.GetsockoptInt(fd, level, name)
			return err == nil && value != usual
		},
		func(fd int) { _ = unix.SetsockoptInt(fd, level, name, usual) },
	}
}

func timeout(name int) option {
	return option{
		func(fd int) bool {
			value, err := unix.GetsockoptTimeval(fd, unix.SOL_SOCKET, name)
			return err == nil && *value != unix.Timeval{}
		},
		func(fd int) { _ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, name, &unix.Timeval{}) },
	}
}

// Accepting prepares a listener of a family. Sockets that it accepts from then on take
// urgent data in line from their first byte, where Tune would be too late: of two urgent
// bytes, the kernel drops the first when the second comes. The result is for Undo.
func (s System) Accepting(fd, family int) Inherits {
	if IsIP(family) {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	}
	return s.Inherited(fd)
}

// Inherited returns the unexpected options that a socket has.
func (System) Inherited(fd int) (found Inherits) {
	for i, o := range unexpected {
		if o.set(fd) {
			found |= 1 << i
		}
	}
	return found
}

// Undo sets options of a socket to their usual values. Normally there are none to set.
func (System) Undo(fd int, options Inherits) {
	for i, o := range unexpected {
		if options&(1<<i) != 0 {
			o.undo(fd)
		}
	}
}
