package ring

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/ring/uring"
)

// attempt is what a connect in the ring is about.
type attempt uint8

const (
	attemptNone    attempt = iota // none is in flight
	attemptConnect                // a connect
	attemptPoll                   // a poll for the end of one that has begun outside the ring
)

func (a attempt) String() string {
	if int(a) < len(attempts) {
		return attempts[a]
	}
	return fmt.Sprintf("attempt %d", uint8(a))
}

var attempts = [...]string{"none", "connect", "poll"}

// Connect implements connection.Mover.
//
// IORING_OP_CONNECT calls connect(2) again whenever it is woken (since 6.7, and stable
// kernels of that time), which VSOCK answers by EALREADY while it is connecting, and for
// ever after it was refused; before, the first time that it was woken without an error was
// a success. So the ring does not connect there.
func (w *worker) Connect(of *connection.Connection, progress connection.Progress) error {
	c, address := w.of(of), of.Dial.Current()
	switch {
	case progress == connection.Done:
		w.Reached(of)
		return nil
	case address.Family == unix.AF_VSOCK:
		if errno := w.sockets.ConnectVSOCK(c.Target.FD, address.VSOCK()); errno != 0 && errno != unix.EINPROGRESS {
			return errno
		}
		progress = connection.Begun
	}
	if progress == connection.Begun {
		w.submitConnect(c, attemptPoll)
		return nil
	}
	if err := w.addresses.put(c.Slot, address); err != nil {
		return err
	}
	w.submitConnect(c, attemptConnect)
	return nil
}

// submitConnect has the ring connect, or wait for the connect that has begun outside it.
func (w *worker) submitConnect(c *transfer, attempt attempt) {
	c.inFlight++
	c.attempt = attempt
	if attempt == attemptPoll {
		w.ring.Poll(c.Target.FD, unix.POLLOUT, uint64(c.userData(opConnect)))
		return
	}
	addr, length := w.addresses.at(c.Slot)
	w.ring.Connect(c.Target.FD, addr, length, uint64(c.userData(opConnect)))
}

// connected handles the completion of a connect.
func (w *worker) connected(c *transfer, completion uring.Completion) {
	attempt, timedOut := c.attempt, c.timedOut
	c.inFlight--
	c.attempt, c.timedOut = attemptNone, false
	if c.Finished() { // aborted meanwhile
		w.Settle(&c.Connection)
		return
	}
	errno := completion.Errno()
	if errno == 0 && attempt == attemptPoll {
		if errno = w.sockets.Connected(c.Target.FD); errno == unix.EINPROGRESS && !timedOut {
			w.submitConnect(c, attempt)
			return
		}
	}
	switch {
	case errno != 0 && timedOut:
		w.ConnectFailed(&c.Connection, syscall.ETIMEDOUT)
	case errno == syscall.ECANCELED, errno == syscall.EINTR: // not by us
		w.submitConnect(c, attempt)
	default:
		w.Connected(&c.Connection, errno)
	}
}

// TimeOut implements connection.Mover.
func (w *worker) TimeOut(of *connection.Connection) {
	c := w.of(of)
	c.timedOut = true
	w.cancel(c.userData(opConnect))
}

// Forward implements connection.Mover.
func (w *worker) Forward(of *connection.Connection) {
	c := w.of(of)
	w.hearAgain(c)
	w.sendPrologue(c)
}
