package soak

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// end is one end of a call. Its methods are the words of the scripts.
type end struct {
	net.Conn
	call    *call
	out, in *harness.Pattern // what it sends, and what it must receive
}

const greeting = '+'

// wait gives everything from now on a bounded time, after a pause that is planned.
func (e *end) wait(planned time.Duration) {
	e.SetDeadline(time.Now().Add(planned + 3*harness.Patience))
}

// open tells the target which call this is, and waits for its greeting.
func (e *end) open() error {
	if err := e.announce(); err != nil {
		return err
	}
	return e.awaitGreeting()
}

func (e *end) announce() error {
	if err := binary.Write(e, binary.LittleEndian, e.call.number); isBroken(err) {
		return errTurnedAway
	} else if err != nil {
		return fmt.Errorf("sending the call's number: %w", err)
	}
	return nil
}

func (e *end) awaitGreeting() error {
	var first [1]byte
	n, err := e.Read(first[:])
	switch {
	case n == 1 && first[0] == greeting:
		return nil
	case n == 1:
		return fmt.Errorf("byte %#x instead of the greeting", first[0])
	case err == io.EOF || isBroken(err):
		return errTurnedAway
	}
	return fmt.Errorf("waiting for the greeting: %w", err)
}

// greet answers the client's number.
func (e *end) greet() error {
	_, err := e.Write([]byte{greeting})
	return err
}

// send sends the next n bytes.
func (e *end) send(n int64) error {
	if err := e.out.SendTo(e, n, e.count); err != nil {
		return fmt.Errorf("sending %d bytes: %w", n, err)
	}
	return nil
}

func (e *end) count(n int) {
	figures.Count("bytes", int64(n))
	e.call.account.bytes.Add(int64(n))
}

// expect receives the next n bytes.
func (e *end) expect(n int64) error { return e.in.CheckPart(e, n) }

// endWriting half-closes.
func (e *end) endWriting() error {
	return e.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// sendAll sends the last n bytes.
func (e *end) sendAll(n int64) error {
	if err := e.send(n); err != nil {
		return err
	}
	return e.endWriting()
}

// expectAll receives n bytes and then the end.
func (e *end) expectAll(n int64) error { return e.in.Check(e, n) }

// exchange sends and receives to the end, both at once.
func (e *end) exchange(out, in int64) error {
	sent := make(chan error, 1)
	go func() { sent <- e.sendAll(out) }()
	err := e.expectAll(in)
	if err != nil {
		e.Close() // nobody will take what is still being sent
	}
	return errors.Join(err, <-sent)
}

// reset breaks the connection. A UNIX socket knows no reset: it closes.
func (e *end) reset() error {
	if tcp, ok := e.Conn.(*net.TCPConn); ok {
		if err := tcp.SetLinger(0); err != nil {
			return err
		}
	}
	return e.Close()
}

// knowsResets reports whether this end sees a reset as one.
func (e *end) knowsResets() bool { _, ok := e.Conn.(*net.TCPConn); return ok }

// expectBroken receives some of the next bytes, in order, and then no clean end. If
// the other side could not reset, an end will do.
func (e *end) expectBroken(byReset bool) error {
	err := e.in.CheckPart(e, 1<<50)
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return nil
	case errors.Is(err, io.EOF) && byReset && e.knowsResets():
		return fmt.Errorf("a broken transfer looks complete: %w", err)
	case errors.Is(err, io.EOF):
		return nil
	}
	return fmt.Errorf("want the connection broken: %w", err)
}

// sendUntilBroken sends until it is told that nobody takes it.
func (e *end) sendUntilBroken() error {
	err := e.out.SendTo(e, 1<<50, e.count)
	if isBroken(err) {
		return nil
	}
	return fmt.Errorf("sending to who is gone: %w", err)
}

// awaitUnread waits until bytes have arrived that nobody has read.
func (e *end) awaitUnread() error {
	raw, err := e.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	return e.call.until("bytes to arrive unread", func() bool {
		unread := 0
		controlError := raw.Control(func(fd uintptr) { unread, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
		return unread > 0 || err != nil || controlError != nil
	})
}

// stuck does nothing for a while, at most for the rest of the round.
func (e *end) stuck(d time.Duration) {
	e.wait(d)
	e.call.pause(d)
	e.wait(0)
}

// isBroken reports whether an error is the other side's reset. A socket tells of it once:
// what is read after a write that was told is an end.
func isBroken(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
