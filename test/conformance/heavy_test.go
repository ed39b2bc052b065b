package conformance

import (
	"errors"
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
	// Nobody half-closes before both have everything, so that this is the same
	// for a program that does not pass half-closes on.
	both := func(c *harness.Conn, send, want uint64) error {
		sent := make(chan error, 1)
		go func() { sent <- harness.NewPattern(seed, send).SendTo(c, size, nil) }()
		err := harness.NewPattern(seed, want).CheckPart(c, size)
		return errors.Join(err, <-sent)
	}
	far := make(chan error, 1)
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) { far <- both(c, 2, 1) })
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	if err := both(proxy.Dial(t), 1, 2); err != nil {
		t.Errorf("client: %v", err)
	}
	if err := <-far; err != nil {
		t.Errorf("target: %v", err)
	}
}
