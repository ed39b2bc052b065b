package ring

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/ring/uring"
	"uring-socket-proxyd/test/lib/figures"
)

// outcome is what becomes of the connection whose operation fails.
type outcome uint8

const (
	served outcome = iota // it notices nothing
	broken                // it ends, and does not look complete
	fatal                 // the engine ends: the ring is broken
)

// injection makes one operation fail with each errno that its manual lists, and those
// of io_uring itself.
type injection struct {
	name    string
	matches func(sqe uring.SQE) bool
	provoke func(s *stage) error // makes a victim submit the operation
	errnos  map[outcome][]syscall.Errno
}

// The bystander is the first connection, so it has slot 0.
func ofVictim(opcode uint8, ops ...operation) func(uring.SQE) bool {
	return func(sqe uring.SQE) bool {
		data := userData(sqe.UserData)
		for _, op := range ops {
			if sqe.OpCode == opcode && data.operation() == op && (data.slot() != 0 || op >= opClose) {
				return true
			}
		}
		return false
	}
}

var injections = []injection{
	{
		// accept(2): the client waits in the backlog, whatever it is.
		name: "accept", matches: func(sqe uring.SQE) bool { return sqe.OpCode == giouring.OpAccept }, provoke: acceptAgain,
		errnos: map[outcome][]syscall.Errno{served: {
			unix.EAGAIN, unix.EBADF, unix.ECONNABORTED, unix.EFAULT, unix.EINTR, unix.EINVAL, unix.EMFILE, unix.ENFILE,
			unix.ENOBUFS, unix.ENOMEM, unix.ENOTSOCK, unix.EOPNOTSUPP, unix.EPERM, unix.EPROTO, unix.ECANCELED,
			unix.ENETDOWN, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENONET, unix.EHOSTUNREACH, unix.ENETUNREACH,
		}},
	},
	{
		// connect(2)
		name: "connect", matches: ofVictim(giouring.OpConnect, opConnect), provoke: message,
		errnos: map[outcome][]syscall.Errno{
			served: {unix.ECANCELED, unix.EINTR, unix.ENOMEM, unix.ENOBUFS},
			broken: {
				unix.EACCES, unix.EPERM, unix.EADDRINUSE, unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT, unix.EAGAIN, unix.EALREADY,
				unix.EBADF, unix.ECONNREFUSED, unix.EFAULT, unix.EINPROGRESS, unix.EISCONN, unix.ENETUNREACH, unix.EHOSTUNREACH,
				unix.ENOTSOCK, unix.EPROTOTYPE, unix.ETIMEDOUT, unix.EINVAL,
			},
		},
	},
	{
		// recv(2)
		name: "recv", matches: ofVictim(giouring.OpRecv, opRecvClient, opRecvTarget), provoke: message,
		errnos: map[outcome][]syscall.Errno{
			served: {unix.ECANCELED, unix.EINTR, unix.ENOBUFS},
			broken: {
				unix.EAGAIN, unix.EBADF, unix.ECONNREFUSED, unix.ECONNRESET, unix.EFAULT, unix.EINVAL, unix.ENOMEM,
				unix.ENOTCONN, unix.ENOTSOCK, unix.ETIMEDOUT, unix.EIO, unix.EPIPE, unix.EOPNOTSUPP,
			},
		},
	},
	{
		// send(2), but for EPIPE and ECONNRESET: after those, the destination must
		// really be gone.
		name: "send", matches: ofVictim(giouring.OpSend, opSendClient, opSendTarget), provoke: message,
		errnos: map[outcome][]syscall.Errno{
			served: {unix.ECANCELED, unix.EINTR},
			broken: {
				unix.EACCES, unix.EAGAIN, unix.EALREADY, unix.EBADF, unix.EDESTADDRREQ, unix.EFAULT, unix.EINVAL,
				unix.EISCONN, unix.EMSGSIZE, unix.ENOBUFS, unix.ENOMEM, unix.ENOTCONN, unix.ENOTSOCK, unix.EOPNOTSUPP,
			},
		},
	},
	{
		// poll(2), of a stream's source or destination
		name: "poll", matches: ofVictim(giouring.OpPollAdd, opRecvClient, opRecvTarget, opSendClient, opSendTarget), provoke: stream,
		errnos: map[outcome][]syscall.Errno{
			served: {unix.ECANCELED, unix.EINTR},
			broken: {unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOMEM, unix.EOPNOTSUPP},
		},
	},
	{
		// poll(2), of a side that is not read: it is looked at again later.
		name: "watch", matches: ofVictim(giouring.OpPollAdd, opWatchClient, opWatchTarget), provoke: halfClosed,
		errnos: map[outcome][]syscall.Errno{served: {unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOMEM, unix.EINTR, unix.ECANCELED}},
	},
	{
		// io_uring_prep_timeout(3): it fires early.
		name: "timeout", matches: func(sqe uring.SQE) bool { return sqe.OpCode == giouring.OpTimeout }, provoke: looks,
		errnos: map[outcome][]syscall.Errno{served: {unix.EINVAL, unix.EFAULT, unix.ECANCELED, unix.ENOMEM, unix.EBUSY}},
	},
	{
		// io_uring_prep_cancel(3): it is cancelled again.
		name: "cancel", matches: func(sqe uring.SQE) bool { return sqe.OpCode == giouring.OpAsyncCancel }, provoke: reset,
		errnos: map[outcome][]syscall.Errno{broken: {unix.ENOENT, unix.EALREADY, unix.EINVAL, unix.ENOMEM, unix.EINTR, unix.EBADF}},
	},
	{
		// close(2), but for EBADF, which is our own mistake. TestCloseOfAnother has that.
		name: "close", matches: func(sqe uring.SQE) bool { return sqe.OpCode == giouring.OpClose }, provoke: message,
		errnos: map[outcome][]syscall.Errno{served: {unix.EINTR, unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.ENOMEM, unix.ECANCELED, unix.EAGAIN}},
	},
	{
		// read(2), of the inbox
		name: "read", matches: ofVictim(giouring.OpRead, opWake), provoke: orders,
		errnos: map[outcome][]syscall.Errno{
			served: {unix.EAGAIN, unix.EINTR, unix.ECANCELED, unix.ENOMEM},
			fatal:  {unix.EBADF, unix.EFAULT, unix.EINVAL, unix.EIO, unix.EISDIR, unix.EOPNOTSUPP},
		},
	},
}

// message sends a request through a new connection and reads the answer.
func message(s *stage) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := echo(c, []byte("a message")); err != nil {
		return err
	}
	return end(c)
}

// end ends a connection cleanly.
func end(c interface {
	CloseWrite() error
	Read([]byte) (int, error)
}) error {
	if err := c.CloseWrite(); err != nil {
		return err
	}
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || err.Error() != "EOF" {
		return fmt.Errorf("%d bytes and %v, want the end", n, err)
	}
	return nil
}

// acceptAgain sends two: the first makes a multishot accept end that is under way, so
// that another one is submitted.
func acceptAgain(s *stage) error {
	s.StopIfIdle() // the bystander is there, so the worker only stops accepting and resumes
	if err := message(s); err != nil {
		return err
	}
	return message(s)
}

// stream sends more than pipes and sockets hold.
func stream(s *stage) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := echo(c, bytes.Repeat([]byte("stream! "), 2<<20)); err != nil {
		return err
	}
	return end(c)
}

// halfClosed ends its stream, and lets the worker look for sides to watch before its
// target does the same.
func halfClosed(s *stage) error {
	s.target.hold(true)
	defer s.target.hold(false)
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := echo(c, []byte("half")); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	s.target.awaitHeld()
	s.awaitInjected()
	s.target.hold(false)
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || err.Error() != "EOF" {
		return fmt.Errorf("%d bytes and %v, want the end", n, err)
	}
	return nil
}

// looks sends messages until the worker looks once more after those who receive: it may
// have set the timer for that before.
func looks(s *stage) error {
	for until := time.Now().Add(patience); !s.injected() && time.Now().Before(until); {
		if err := message(s); err != nil {
			return err
		}
	}
	return message(s)
}

// reset resets a connection whose target sends nothing: the worker cancels what it
// waits for.
func reset(s *stage) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	if err := echo(c, []byte("soon gone")); err != nil {
		return err
	}
	c.SetLinger(0)
	c.Close()
	s.awaitInjected()
	return errors.New("reset by ourselves")
}

// orders has the worker read its inbox twice.
func orders(s *stage) error {
	for range 2 {
		s.StopIfIdle()
		if err := message(s); err != nil {
			return err
		}
	}
	return nil
}

// TestEachOperationFails lets each operation of io_uring fail in each way, once and
// several times in a row, and looks at what becomes of its connection, that another
// one goes on, that nothing is left over, and that new connections are served.
func TestEachOperationFails(t *testing.T) {
	for _, i := range injections {
		t.Run(i.name, func(t *testing.T) {
			for outcome, errnos := range i.errnos {
				for _, errno := range errnos {
					t.Run(errno.Error(), func(t *testing.T) {
						for _, times := range []int64{1, 3} {
							i.play(t, errno, outcome, times)
						}
					})
				}
			}
		})
	}
}

// hasten makes a timer fire soon: the worker waits for a second before it looks at sides
// that are not read, or accepts again, which dozens of times would be most of the test.
func hasten(sqe uring.SQE) {
	if sqe.OpCode == giouring.OpTimeout {
		spec := (*unix.Timespec)(pointer(sqe.Addr))
		*spec = unix.NsecToTimespec(min(spec.Nano(), int64(50*time.Millisecond)))
	}
}

func (i *injection) play(t *testing.T, errno syscall.Errno, want outcome, times int64) {
	t.Helper()
	var left atomic.Int64
	s := newStage(t, stageWith{hired: func(w *worker) {
		w.ring.Inject(func(sqe uring.SQE) syscall.Errno {
			hasten(sqe)
			if left.Load() > 0 && i.matches(sqe) {
				left.Add(-1)
				return errno
			}
			return 0
		})
	}})
	s.injected = func() bool { return left.Load() < times }
	bystander, err := s.dial()
	if err != nil {
		t.Fatal(err)
	}
	if err := echo(bystander, []byte("before")); err != nil {
		t.Fatal(err)
	}
	left.Store(times)
	if want == fatal {
		figures.Count("faults", 1)
		s.StopIfIdle() // an order, which is read
		if err := s.await(); !errors.Is(err, errno) {
			t.Errorf("the engine ended with %v", err)
		}
		return
	}
	err = i.provoke(s)
	if left.Swap(0) == times {
		t.Fatalf("no operation was made to fail; the victim ended with %v", err)
	}
	figures.Count("faults", 1)
	if (err == nil) != (want == served) {
		t.Errorf("%d times: the victim ended with %v", times, err)
	}
	if err := echo(bystander, bytes.Repeat([]byte("after!! "), 1<<10)); err != nil {
		t.Errorf("%d times: the bystander: %v", times, err)
	}
	s.settled(1)
	if err := message(s); err != nil {
		t.Errorf("%d times: the next connection: %v", times, err)
	}
	s.settled(1)
}
