package faults

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

var drainCases = []Case{
	{
		Name:  "drain/under-load",
		Shows: "with --drain-timeout=, transfers that are under way at SIGTERM arrive whole, nobody new is let in, and the program ends with the last of them",
		Run:   drainUnderLoad,
	},
	{
		Name:  "drain/stuck-peers",
		Shows: "peers that do not read are reset when the drain timeout is over, after the others have finished",
		Run:   drainStuckPeers,
	},
	{
		Name:  "drain/while-connecting",
		Shows: "a client whose target is still being connected at SIGTERM is served if that succeeds",
		Run:   drainWhileConnecting,
	},
	{
		Name:  "drain/second-signal",
		Shows: "a second signal in the middle of a drain resets all that is left at once",
		Run:   drainSecondSignal,
	},
	{
		Name:  "drain/resets",
		Shows: "peers that reset during a drain leave like the others: the program ends with the last",
		Run:   drainResets,
	},
}

// draining starts a proxy that lets connections finish.
func draining(t *testing.T, p *harness.Program, timeout string, how setting) *stage {
	t.Helper()
	how.options.Args = append(how.options.Args, "--drain-timeout="+timeout)
	how.options.Env = append(how.options.Env, "SYSTEMD_LOG_LEVEL=debug")
	return set(t, p, how)
}

// drain tells the program to end, and waits until nobody new gets in.
func (s *stage) drain() {
	s.t.Helper()
	injected(1)
	s.Signal(unix.SIGTERM)
	s.AwaitLine("stopped listening")
	if c, err := harness.TryDial(s.Address, harness.SocketOptions{}); err == nil {
		c.Close()
		s.t.Error("a client got in during the drain")
	}
}

// endsWell waits for the end of a drained program.
func (s *stage) endsWell() {
	s.t.Helper()
	if status := s.AwaitExit(); status != "exit status 0" {
		s.t.Errorf("ended with %s", status)
	}
}

func drainUnderLoad(t *testing.T, p *harness.Program) {
	const transfers, size = 8, 2 << 20
	s := draining(t, p, "infinity", setting{limits: peerBuffers, options: harness.Options{Args: []string{"--workers=2"}}})
	var clients, fars []*end
	var sending sync.WaitGroup
	for range transfers {
		client, far := s.joinEnds(peerBuffers)
		clients, fars = append(clients, client), append(fars, far)
		sending.Go(func() {
			if err := client.out.SendTo(client.Conn.Conn, size, nil); err != nil {
				t.Error(err)
			}
			client.EndWriting()
		})
	}
	s.drain()
	s.progress("during the drain")
	for i, far := range fars {
		if !s.Running() {
			t.Fatalf("it ended with %d transfers to go", transfers-i)
		}
		if err := far.in.Check(far.Conn.Conn, size); err != nil {
			t.Errorf("transfer %d: %v", i, err)
		}
		far.Close()
	}
	sending.Wait()
	for _, client := range clients {
		client.ExpectEnd()
	}
	s.progress("after the transfers")
	s.leave()
	s.endsWell()
}

func drainStuckPeers(t *testing.T, p *harness.Program) {
	s := draining(t, p, "8", setting{limits: peerBuffers}) // ample for the others to finish
	var senders, readers []*end
	for range 10 {
		reader, sender := s.joinEnds(peerBuffers)
		sender.send(endless)
		sender.awaitSent(1)
		senders, readers = append(senders, sender), append(readers, reader)
		injected(1)
	}
	s.drain()
	s.leave()
	s.AwaitLine("drain timeout has expired.*connections=10")
	s.endsWell()
	for i, sender := range senders {
		sender.expectBroken()
		readers[i].expectBroken()
	}
}

func drainWhileConnecting(t *testing.T, p *harness.Program) {
	l := harness.ListenNarrow(t, harness.NewAddress(t, harness.Unix), 1)
	queue := pausing(l)
	s := draining(t, p, "infinity", setting{on: l})
	queue.hold()
	s.connecting(6)
	s.drain()
	s.leave()
	queue.resume()
	for _, c := range s.conns {
		c.SendText("served")
		c.ExpectText("served")
	}
	s.clear()
	s.endsWell()
}

func drainSecondSignal(t *testing.T, p *harness.Program) {
	s := draining(t, p, "infinity", setting{})
	client, far := s.joinEnds(harness.SocketOptions{})
	flows(client, far)
	s.drain()
	s.progress("during the drain")
	s.Signal(unix.SIGTERM)
	s.endsWell()
	s.areCut()
	client.expectBroken()
	far.expectBroken()
}

func drainResets(t *testing.T, p *harness.Program) {
	s := draining(t, p, "infinity", setting{})
	s.drain()
	s.progress("during the drain")
	s.stop()
	for _, one := range s.all {
		injected(1)
		one.conn.Reset()
	}
	s.endsWell()
}
