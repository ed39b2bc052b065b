package conformance

import (
	"sync"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// settle is how long a number must stay the same to count as settled.
const settle = 100 * time.Millisecond

var descriptorCases = []Case{
	{
		Name:   "descriptors/per-connection",
		Shows:  "an open connection takes 2 descriptors",
		Except: either(older("it takes 6"), newer("it takes 8")),
		Run:    descriptorsPerConnection,
	},
	{
		Name:  "descriptors/none-left",
		Shows: "after 1,000 connections of every kind of ending, no descriptor is left",
		Run:   descriptorsLeft,
	},
	{
		Name:   "descriptors/after-streams",
		Shows:  "pipes are held only while a stream's destination is slow, except for a few that are kept",
		Except: notOriginal("each connection has two as long as it lasts"),
		Alone:  true,
		Run:    descriptorsAfterStreams,
	},
}

func descriptorsPerConnection(t *testing.T, p *harness.Program) {
	const connections = 100
	each := 2
	switch p {
	case harness.Original:
		each = 6
	case harness.Newest:
		each = 8
	}
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	_, _ = join(t, proxy, accepted) // whatever is opened once is open now
	before := proxy.Descriptors()
	for range connections {
		join(t, proxy, accepted)
	}
	if got := proxy.Descriptors() - before; got != connections*each {
		t.Errorf("%d descriptors for %d connections, want %d each", got, connections, each)
	}
}

func descriptorsAfterStreams(t *testing.T, p *harness.Program) {
	const streams, size, kept, others = 20, 8 << 20, 8, 4 // pipes, and what the runtime opens later
	seed := harness.Seed(t)
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		_ = harness.NewPattern(seed, 0).SendTo(c, size, nil) // some end with the test
	})
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
	proxy.AwaitLine("forwarding") // whatever is opened at start is open now
	before := proxy.Descriptors()
	var clients []*harness.Conn
	var patterns []*harness.Pattern
	for range streams {
		clients = append(clients, harness.DialWith(t, proxy.Address, harness.SocketOptions{ReceiveBuffer: 8192}))
		patterns = append(patterns, harness.NewPattern(seed, 0))
	}
	const read = 16 << 10
	left := int64(size)
	harness.Until(t, "each stream to have a pipe", func() bool {
		// What was received before the half became a stream goes first.
		for i, client := range clients {
			if err := patterns[i].CheckPart(client, read); err != nil {
				t.Fatalf("stream %d: %v", i, err)
			}
		}
		left -= read
		return proxy.Descriptors() >= before+streams*(2+2)
	})
	var reading sync.WaitGroup
	for i, client := range clients {
		reading.Go(func() {
			defer client.Close()
			if i%2 == 0 {
				client.Reset()
			} else if err := patterns[i].Check(client, left); err != nil {
				t.Errorf("stream %d: %v", i, err)
			}
		})
	}
	reading.Wait()
	harness.Until(t, "the streams to be gone", func() bool { return proxy.Descriptors() <= before+2*kept+others })
}

func descriptorsLeft(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		buffer := make([]byte, 16)
		if n, _ := c.Read(buffer); n > 0 && buffer[0] == 'r' {
			c.Reset()
			return
		}
		_, _ = c.Write([]byte("bye"))
	})
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	once := func(i int) {
		c := proxy.Dial(t)
		defer c.Close()
		switch i % 4 {
		case 0: // the target ends first
			c.SendText("x")
			c.ExpectText("bye")
			c.ExpectEnd()
		case 1: // the target resets
			c.SendText("r")
			c.ExpectGone()
		case 2: // the client resets
			c.SendText("x")
			c.Reset()
		case 3: // the client leaves without a word
		}
	}
	for i := range 8 {
		once(i)
	}
	harness.Until(t, "the first connections to close", func() bool { return proxy.Descriptors() < 40 })
	before := harness.Settled(t, "the number of descriptors", func() int64 { return int64(proxy.Descriptors()) }, settle)
	var clients sync.WaitGroup
	for range 10 {
		clients.Go(func() {
			for i := range 100 {
				once(i)
			}
		})
	}
	clients.Wait()
	// Some may have left before they were accepted. One more, whose turn comes
	// after theirs, tells that they have been.
	once(0)
	harness.Until(t, "no descriptor to be left", func() bool { return int64(proxy.Descriptors()) <= before })
	if after := int64(proxy.Descriptors()); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
