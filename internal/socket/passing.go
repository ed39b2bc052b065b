package socket

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// MaxPassed is the largest number of descriptors in one message: the kernel's SCM_MAX_FD.
const MaxPassed = 253

// ErrLost means that the kernel did not hand over all descriptors that came: the process
// has as many as it is allowed, or a security module forbids it one of them.
var ErrLost = errors.New("not all descriptors that arrived could be received")

// Passer receives and sends bytes over UNIX stream sockets with the descriptors that are
// passed along with them (SCM_RIGHTS, unix(7)). One worker owns it.
type Passer struct {
	control []byte // control data of one message
}

// NewPasser returns a Passer.
func NewPasser() *Passer { return &Passer{control: make([]byte, unix.CmsgSpace(4*MaxPassed))} }

// Prepare makes a UNIX socket receive descriptors, and nothing else besides bytes. The
// listener may have been set to receive credentials and the like, which a client's socket
// inherits. Urgent data comes in line, as over TCP.
func (*Passer) Prepare(fd int) {
	for _, option := range []int{unix.SO_PASSCRED, unix.SO_PASSSEC, unix.SO_PASSPIDFD} {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 0)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
}

// Receive receives what is there into block, without waiting, up to the next byte that
// descriptors came with. If that is the first byte, they are returned, close-on-exec, and
// belong to the caller, even on an error: after ErrLost they are incomplete.
//
// A receive may return bytes that were sent before the descriptors together with them,
// and then does not say which byte they came with. So it is preceded by a peek, which
// leaves everything where it is, and installs no descriptors because it has no room for any.
func (p *Passer) Receive(fd int, block []byte) (n int, passed []int, err error) {
	n, _, flags, _, err := unix.Recvmsg(fd, block, nil, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil || n == 0 {
		return 0, nil, err
	}
	if flags&unix.MSG_CTRUNC != 0 {
		n = beforeLastSend(fd, block[:n])
	}
	n, controlled, flags, _, err := unix.Recvmsg(fd, block[:n], p.control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, nil, err
	}
	passed, err = rights(p.control[:controlled])
	if flags&unix.MSG_CTRUNC != 0 {
		err = ErrLost
	}
	return n, passed, err
}

// beforeLastSend returns how many of the bytes that a peek has found came before the last
// send among them, or all if they came by one send. A peek ends after the first bytes with
// descriptors, so those are at the beginning of that send, or further on than it has seen.
//
// The kernel copies send by send (struct sk_buff), and does not count one that it can
// copy only in part. So a second peek has room for all bytes except the last, and for that
// one an address that cannot be written to (unix_stream_read_generic). If the kernel changed
// this, descriptors would arrive with bytes that were sent shortly before.
func beforeLastSend(fd int, found []byte) int {
	last := nowhere()
	if last == nil {
		return len(found)
	}
	n, _, _, _, err := unix.RecvmsgBuffers(fd, [][]byte{found[:len(found)-1], last[:1]}, nil, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil || n == 0 { // EFAULT
		return len(found)
	}
	return n
}

// nowhere is memory that can be neither read nor written; nil if it cannot be mapped.
var nowhere = sync.OnceValue(func() []byte {
	memory, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil
	}
	return memory
})

// rights extracts the descriptors from control data.
func rights(control []byte) (passed []int, err error) {
	if len(control) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		if message.Header.Level == unix.SOL_SOCKET && message.Header.Type == unix.SCM_RIGHTS {
			fds, err := unix.ParseUnixRights(&message)
			if err != nil {
				return passed, err
			}
			passed = append(passed, fds...)
		}
	}
	return passed, nil
}

// SendWith sends block, or the first part of it, without waiting, and passes descriptors
// with its first byte. They are sent if any byte is; the caller still owns its own.
func (*Passer) SendWith(fd int, block []byte, passed []int) (n int, err error) {
	var control []byte
	if len(passed) > 0 {
		control = unix.UnixRights(passed...)
	}
	return unix.SendmsgN(fd, block, control, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// CloseApart closes descriptors that came from peers, and then calls done, both on another
// goroutine. Such a close can block: a file on a file system in user space waits for its
// server, a TCP socket with SO_LINGER for its peer, and a UNIX socket for either, if one is
// unread in it.
func (*Passer) CloseApart(fds []int, done func()) {
	go func() {
		if closing != nil {
			closing <- struct{}{}
			defer func() { <-closing }()
		}
		for _, fd := range fds {
			unix.Close(fd)
		}
		done()
	}()
}

// closing holds an entry for each call of CloseApart that is closing; nil if their number
// is not bounded.
var closing chan struct{}

// CloseAtMost bounds how many calls of CloseApart close at the same time, because each that
// blocks takes a thread. It must be called before any of them.
func CloseAtMost(n int) { closing = make(chan struct{}, n) }
