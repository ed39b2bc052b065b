package conformance

import (
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var heavyCases = []Case{
	{
		Name:  "heavy/1-GiB-each-way",
		Shows: "1 GiB each way at once on one connection arrives intact",
		Alone: true,
		Run:   heavy,
	},
}

func heavy(t *testing.T, p *harness.Program) {
	if testing.Short() {
		t.Skip("long")
	}
	size := int64(1 << 30)
	if harness.RaceBuilt {
		size = 128 << 20
	}
	seed := harness.Seed(t)
	far := make(chan error, 1)
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) { far <- patternExchange(c, seed, size, 2, 1) })
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	if err := patternExchange(proxy.Dial(t), seed, size, 1, 2); err != nil {
		t.Errorf("client: %v", err)
	}
	if err := <-far; err != nil {
		t.Errorf("target: %v", err)
	}
}
