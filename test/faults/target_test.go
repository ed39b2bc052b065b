package faults

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var targetCases = []Case{
	{
		Name:  "target/never-answers",
		Shows: "a target that takes connections and says nothing, read or unread, holds its clients and nobody else; SIGTERM resets them at once",
		Run:   neverAnswers,
	},
	{
		Name:  "target/refuses",
		Shows: "while the target refuses connections, each client is closed with a line that says so, and those that are connected go on; when it listens again, clients are served",
		Run:   refuses,
	},
	{
		Name:  "target/black-hole",
		Shows: "SIGTERM ends the program at once while connects to a target that does not answer are under way",
		Run:   blackHole,
	},
	{
		Name:  "target/vanishes",
		Shows: "targets that stop acknowledging in the middle of streams hold only their clients; those that come back go on without a byte lost, or with the reset of a client that has left",
		Run:   vanishes,
	},
	{
		Name:  "target/flaps",
		Shows: "while the target's listener comes and goes, each client gets all of the answer or none, and a broken one never looks complete",
		Run:   func(t *testing.T, p *harness.Program) { flaps(t, p, harness.TCP4) },
	},
	{
		Name:  "target/flaps-unix",
		Shows: "the same with a UNIX socket whose file comes and goes",
		Run:   func(t *testing.T, p *harness.Program) { flaps(t, p, harness.Unix) },
	},
	{
		Name:  "target/dies-in-its-answer",
		Shows: "when a target resets in the middle of its answer, no client takes what has come for the whole",
		Run:   diesInItsAnswer,
	},
}

func neverAnswers(t *testing.T, p *harness.Program) {
	s := set(t, p, setting{limits: peerBuffers})
	var clients []*end
	for i := range 40 {
		client, _ := s.joinEnds(peerBuffers)
		injected(1)
		if i%2 == 0 {
			client.send(endless)
			client.awaitSent(1)
		} else {
			client.EndWriting()
		}
		clients = append(clients, client)
	}
	s.progress("while the target is silent")
	s.terminate()
	for _, client := range clients {
		client.expectBroken()
	}
}

func refuses(t *testing.T, p *harness.Program) {
	const clients = 50
	s := set(t, p, setting{to: harness.Unix})
	s.target.Listener.Close()
	for range clients {
		injected(1)
		c := s.dial()
		c.ExpectGone()
	}
	s.progress("while the target refuses")
	s.AwaitLine("cannot reach the target.*connection refused")
	s.unlink(s.target.Address)
	harness.ServeOn(t, harness.ListenOn(t, s.target.Address, harness.SocketOptions{}), harness.Echo)
	c := s.dial()
	c.SendText("back")
	c.ExpectText("back")
	if lines := len(s.Lines()); lines > clients {
		t.Errorf("%d lines in the log for %d clients", lines, clients)
	}
	s.end()
}

func blackHole(t *testing.T, p *harness.Program) {
	const clients = 30
	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	s := set(t, p, setting{on: l})
	deafen(t, l.Listener)
	injected(1)
	s.connecting(clients)
	s.progress("while the target is a black hole")
	s.terminate()
	for _, c := range s.conns {
		c.ExpectReset()
	}
}

// vanishes keeps the targets away for a moment only: the kernel sends again after as
// long as it has tried in vain.
func vanishes(t *testing.T, p *harness.Program) {
	const streams = 4
	s := set(t, p, setting{})
	var clients, fars []*end
	for range streams {
		client, far := s.joinEnds(harness.SocketOptions{})
		flows(client, far)
		clients, fars = append(clients, client), append(fars, far)
	}
	for _, far := range fars {
		deafen(t, far.Conn.Conn)
		injected(1)
	}
	harness.Settled(t, "the senders", func() (sent int64) {
		for _, client := range clients {
			sent += client.sent.Load()
		}
		return sent
	}, stuckAfter)
	s.progress("while targets have vanished")
	for _, client := range clients[:streams/2] {
		client.Reset()
	}
	s.progress("when some of their clients have left")
	for _, far := range fars {
		undeafen(t, far.Conn.Conn)
	}
	for i, far := range fars {
		if i < streams/2 {
			far.expectBroken()
		} else {
			far.awaitReceived(far.received.Load() + 1<<20)
		}
	}
	s.end()
}

// flaps has clients ask for an answer of which the end of the stream tells the end.
func flaps(t *testing.T, p *harness.Program, to harness.Transport) {
	const callers, opening = 6, 25
	s := set(t, p, setting{to: to})
	answer := harness.Random(s.seed, 7, 200<<10)
	script := func(c *harness.Conn) {
		if n, _ := io.ReadFull(c, make([]byte, 1)); n == 1 {
			_, _ = c.Write(answer) // the client reports whether it came
		}
	}
	quit := make(chan struct{})
	var calling sync.WaitGroup
	var whole, none atomic.Int64
	for range callers {
		calling.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				switch n := ask(t, s.Address, answer); n {
				case len(answer):
					whole.Add(1)
				case 0:
					none.Add(1)
				}
			}
		})
	}
	s.target.Listener.Close()
	for range opening {
		s.unlink(s.target.Address)
		l := harness.ListenOn(t, s.target.Address, harness.SocketOptions{})
		goal := whole.Load() + callers
		server := harness.ServeOn(t, l, script)
		harness.Until(t, "clients to be served", func() bool { return whole.Load() >= goal })
		goal = none.Load() + callers
		server.Listener.Close()
		injected(1)
		harness.Until(t, "clients to be turned away", func() bool { return none.Load() >= goal })
	}
	close(quit)
	calling.Wait()
	t.Logf("%d clients had the whole answer, %d none", whole.Load(), none.Load())
	s.end()
}

// ask asks for an answer and checks what comes. It returns the number of bytes, which
// are all if the stream ended.
func ask(t *testing.T, a harness.Address, answer []byte) int {
	c, err := harness.TryDial(a, harness.SocketOptions{})
	if isReset(err) {
		return 0 // the reset was there before the client knew that it was connected
	}
	if err != nil {
		t.Errorf("the proxy: %v", err)
		return -1
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(harness.Patience))
	_, asking := c.Write([]byte("?")) // fails if it is reset already
	got, err := io.ReadAll(c)
	err = errors.Join(err, asking) // the kernel tells of a reset once
	switch {
	case !bytes.HasPrefix(answer, got):
		t.Errorf("%d bytes arrived altered", len(got))
	case err == nil && len(got) > 0 && len(got) < len(answer):
		t.Errorf("the end of the stream after %d of %d bytes: that looks complete", len(got), len(answer))
	case err != nil && !isReset(err):
		t.Errorf("after %d of %d bytes: %v", len(got), len(answer), err)
	}
	return len(got)
}

func diesInItsAnswer(t *testing.T, p *harness.Program) {
	s := set(t, p, setting{})
	answer := harness.Random(s.seed, 7, 1<<20)
	var asked atomic.Int64
	s.answer(func(c *harness.Conn) {
		n := int(asked.Add(1)) * 8000 % len(answer)
		if _, err := c.Write(answer[:n]); err != nil {
			t.Error(err)
		}
		if n%16000 == 0 {
			c.AwaitDelivered()
		}
		c.Reset()
	})
	var calling sync.WaitGroup
	for range 4 {
		calling.Go(func() {
			for range 30 {
				injected(1)
				ask(t, s.Address, answer)
			}
		})
	}
	calling.Wait()
	s.end()
}
