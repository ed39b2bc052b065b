package socket

import "golang.org/x/sys/unix"

// Inherits is a set of options that a listener has and the sockets that it accepts would
// have too, and that whoever moves bytes does not expect.
type Inherits uint8

// option is one of them.
type option struct {
	set  func(fd int) bool
	undo func(fd int)
}

// unexpected are those options. With SO_LINGER, a close waits, and the worker with it, or
// throws away what is still to be sent; with SO_RCVLOWAT, bytes that are there are not
// told of, with TCP_CORK they are sent late; SO_PEEK_OFF hides some from a look at them
// (TCP has it from 6.9 on), and timeouts end what is to wait.
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

// number is an option whose value is usual on a new socket. One that is not known is not set.
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

// Accepting prepares a listener of a family. What it accepts from then on takes urgent
// data in line from its first byte on, where Tune would be too late: of two such bytes,
// the kernel drops the first when the second comes. The result is for Undo.
func (s System) Accepting(fd, family int) Inherits {
	if IsIP(family) {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	}
	return s.Inherited(fd)
}

// Inherited tells which options a socket has that nobody expects.
func (System) Inherited(fd int) (found Inherits) {
	for i, o := range unexpected {
		if o.set(fd) {
			found |= 1 << i
		}
	}
	return found
}

// Undo gives options of a socket their usual values. As a rule there are none.
func (System) Undo(fd int, options Inherits) {
	for i, o := range unexpected {
		if options&(1<<i) != 0 {
			o.undo(fd)
		}
	}
}
