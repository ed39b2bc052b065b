package socket

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What an error of a call on a socket says of those who are at it.

// Gone tells of an error in sending that the destination has left. What it sent before
// may still be on its way to us, so the opposite half goes on until it ends by itself.
// After any other error the destination may be there and wait, so both halves are over.
func Gone(errno syscall.Errno) bool { return errno == syscall.EPIPE || errno == syscall.ECONNRESET }

// Shortage tells whether an error is about something that others may give back:
// descriptors or memory.
func Shortage(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// ShortagePause is how long those wait who have met with a shortage.
const ShortagePause = 50 * time.Millisecond

// AboutClient tells whether an error in accepting is about one client, who has left
// (accept(2) lists those).
func AboutClient(errno syscall.Errno) bool {
	switch errno {
	case syscall.ECONNABORTED, syscall.EPROTO, syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN,
		syscall.ENONET, syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETUNREACH:
		return true
	}
	return false
}

// AcceptPause tells how long to stop accepting after an error: not at all when it
// was about one client; for a moment when
// descriptors or memory have run out; else longer and longer (100 ms to 1 s), as the
// listener is broken, and the loop must not spin.
func AcceptPause(errno syscall.Errno, previous time.Duration) time.Duration {
	switch {
	case AboutClient(errno):
		return 0
	case Shortage(errno):
		return ShortagePause
	}
	return min(max(2*previous, 100*time.Millisecond), time.Second)
}
