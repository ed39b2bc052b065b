package conformance

import (
	"strings"
	"sync"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var sizeCases = []Case{
	{
		Name:   "sizes/extremes",
		Shows:  "with the smallest and with large --buffer-size= and --pool-size=, 8 connections with 2 MiB each way at the same time arrive intact",
		Except: notOriginal("no such options"),
		Run: func(t *testing.T, p *harness.Program) {
			each(t, []string{
				"--buffer-size=4K --pool-size=1M",
				"--buffer-size=5000 --pool-size=1100000",
				"--buffer-size=64M --pool-size=1M --workers=2",
				"--buffer-size=1G --pool-size=4G",
			}, func(args string) string { return args }, func(t *testing.T, args string) { sizesWork(t, p, strings.Fields(args)) })
		},
	},
}

// sizesWork transfers on TCP and on UNIX sockets, of which the latter take small
// writes one by one.
func sizesWork(t *testing.T, p *harness.Program, args []string) {
	const connections, size = 4, 2 << 20
	seed := harness.Seed(t)
	for _, tr := range []harness.Transport{harness.TCP4, harness.Unix} {
		target := harness.Serve(t, tr, func(c *harness.Conn) {
			if err := patternExchange(c, seed, size, 2, 1); err != nil {
				t.Errorf("target: %v", err)
			}
		})
		proxy := harness.StartProxy(t, p, tr, target.Target(), args...)
		var clients sync.WaitGroup
		for range connections {
			c := proxy.Dial(t)
			clients.Go(func() {
				if err := patternExchange(c, seed, size, 1, 2); err != nil {
					t.Errorf("client: %v", err)
				}
			})
		}
		clients.Wait()
		target.Wait()
	}
}
