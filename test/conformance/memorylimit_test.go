package conformance

import (
	"io"
	"sync/atomic"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var memoryLimitCases = []Case{{
	Name:   "memory/limit",
	Shows:  "in a control group of 32 MiB, 100 clients that read nothing, or 200 of a UNIX target, neither end the program nor stop others",
	Except: notOriginal("holds nothing of its own"),
	Alone:  true,
	Run: func(t *testing.T, p *harness.Program) {
		for _, target := range []harness.Transport{harness.Unix, harness.TCP4} {
			for _, client := range []harness.Transport{harness.Unix, harness.TCP4} {
				t.Run(string(target)+" to "+string(client), func(t *testing.T) { livesWithin(t, p, target, client) })
			}
		}
	},
}}

// livesWithin stops many downloads of a program that has little memory, and moves others'
// bytes meanwhile.
func livesWithin(t *testing.T, p *harness.Program, from, to harness.Transport) {
	p = p.Plain()
	const limit, bystander = 32 << 20, 16 << 20
	clients := 200
	if from.IsTCP() {
		clients = 100 // their receive buffers count too, and nothing bounds those
	}
	seed := harness.Seed(t)
	var taken atomic.Int64
	target := harness.Serve(t, from, func(c *harness.Conn) {
		kind := make([]byte, 2)
		if _, err := io.ReadFull(c, kind); err != nil {
			return
		}
		if kind[0] == 'e' {
			harness.Echo(c)
			return
		}
		// Those that never read end with the test, which is no failure.
		_ = harness.NewPattern(seed, uint64(kind[1])).SendTo(c, 1<<40, func(n int) { taken.Add(int64(n)) })
	})
	proxy := harness.StartProxyWith(t, p, to, harness.Options{Args: []string{target.Target()}, Group: harness.MemoryGroup(t, limit)})
	live := proxy.Dial(t)
	live.SendText("e-?")
	live.ExpectText("?")
	for i := range clients {
		proxy.Dial(t).Send([]byte{'f', byte(i)})
	}
	harness.Until(t, "the flood to begin", func() bool { return taken.Load() > 0 })
	harness.Settled(t, "the flood", taken.Load, 200*time.Millisecond)
	live.SendText("!")
	live.ExpectText("!")
	passBy(t, proxy, seed, bystander)
	if !proxy.Running() {
		t.Error("the program has ended")
	}
}
