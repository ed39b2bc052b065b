package faults

import (
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// Resets of connections that are not, or only just, connected to the target.
var earlyResetCases = []Case{
	{
		Name:  "early-reset/target-queue-full",
		Shows: "clients that reset while the target's queue is full are noticed and their places come back; the others wait their turn",
		Run:   resetWhileQueueFull,
	},
	{
		Name:  "early-reset/target-queue-full-then-gone",
		Shows: "when the target goes away while connections wait in and for its queue, each client is reset or closed",
		Run:   targetGoneWhileQueueFull,
	},
	{
		Name:  "early-reset/black-holed",
		Shows: "clients that reset while the target does not answer the connect are noticed; the others are served when it does",
		Run:   resetWhileBlackHoled,
	},
	{
		Name:  "early-reset/by-client-at-once",
		Shows: "300 clients that reset as soon as they are connected, with and without a word, leave nothing behind",
		Run:   clientResetsAtOnce,
	},
	{
		Name:  "early-reset/by-target-at-once",
		Shows: "a target that resets whom it accepts has 300 clients reset",
		Run:   targetResetsAtOnce,
	},
	{
		Name:  "early-reset/before-accept",
		Shows: "300 clients that reset before the program gets to accept them leave nothing behind",
		Run:   resetBeforeAccept,
	},
}

// connecting has so many clients ask for an echo while the target does not answer.
func (s *stage) connecting(clients int) {
	s.t.Helper()
	for range clients {
		s.dial().Send([]byte{kindEcho})
	}
	s.awaitSockets("all to be connecting", 2*clients)
}

func resetWhileQueueFull(t *testing.T, p *harness.Program) {
	const clients, leaving = 12, 8
	l := harness.ListenNarrow(t, harness.NewAddress(t, harness.Unix), 1)
	queue := pausing(l)
	s := set(t, p, setting{on: l})
	queue.hold()
	s.connecting(clients)
	s.progress("while the queue is full")
	for _, c := range s.conns[:leaving] {
		c.Reset()
		injected(1)
	}
	s.awaitSockets("those that reset to be noticed", 2*(clients-leaving))
	s.progress("after the resets")
	queue.resume()
	for _, c := range s.conns[leaving:] {
		c.SendText("served")
		c.ExpectText("served")
	}
	s.end()
}

func targetGoneWhileQueueFull(t *testing.T, p *harness.Program) {
	const clients = 12
	l := harness.ListenNarrow(t, harness.NewAddress(t, harness.Unix), 1)
	queue := pausing(l)
	s := set(t, p, setting{on: l})
	queue.hold()
	s.connecting(clients)
	l.Close()
	injected(clients)
	queue.resume()
	for _, c := range s.conns {
		c.ExpectGone()
	}
	s.end()
}

func resetWhileBlackHoled(t *testing.T, p *harness.Program) {
	const clients, leaving = 12, 8
	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	s := set(t, p, setting{on: l})
	deafen(t, l.Listener)
	injected(1)
	s.connecting(clients)
	s.progress("while the target is a black hole")
	for _, c := range s.conns[:leaving] {
		c.Reset()
		injected(1)
	}
	s.awaitSockets("those that reset to be noticed", 2*(clients-leaving))
	undeafen(t, l.Listener)
	for _, c := range s.conns[leaving:] {
		c.SendText("served")
		c.ExpectText("served")
	}
	s.end()
}

func clientResetsAtOnce(t *testing.T, p *harness.Program) {
	s := set(t, p, setting{})
	for i := range scaled(300) {
		c := s.dial()
		if i%2 == 0 {
			c.Send([]byte{kindEcho})
		}
		c.Reset()
		injected(1)
	}
	s.end()
}

func targetResetsAtOnce(t *testing.T, p *harness.Program) {
	s := set(t, p, setting{})
	s.answer(func(c *harness.Conn) { c.Reset() })
	for i := range scaled(300) {
		injected(1)
		c, err := harness.TryDial(s.Address, harness.SocketOptions{})
		if err != nil {
			continue // the reset was there before the client knew that it was connected
		}
		c.SetDeadline(time.Now().Add(harness.Patience))
		if i%2 == 0 {
			_, _ = c.Write([]byte("x")) // or it may be reset by now
		}
		if n, err := c.Read(make([]byte, 1)); n > 0 || err != io.EOF && !isReset(err) {
			t.Fatalf("client %d read %d bytes and %v", i, n, err)
		}
		c.Close()
	}
	s.end()
}

// resetBeforeAccept stops the program while clients come and go.
func resetBeforeAccept(t *testing.T, p *harness.Program) {
	s := set(t, p, setting{})
	for range 3 {
		s.rest(func() {
			s.Pause()
			for i := range scaled(100) {
				c := s.dial()
				if i%2 == 0 {
					c.Send([]byte{kindEcho})
				}
				c.Reset()
				injected(1)
			}
			s.Signal(unix.SIGCONT)
		})
		s.progress("after the program has met them")
	}
	s.end()
}
