// Package security tests the claims of docs/security.md from outside: what reaches the
// log, what happens to descriptors and memory, and that no connection ever sees
// another's bytes.
package security

import (
	"os"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// each runs a test with each engine.
func each(t *testing.T, run func(t *testing.T, p *harness.Program)) {
	for _, p := range harness.Ours {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			figures.Count("cases", 1)
			run(t, p)
		})
	}
}

// join makes a connection and returns both its ends.
func join(t *testing.T, proxy *harness.Proxy, accepted <-chan *harness.Conn) (client, far *harness.Conn) {
	t.Helper()
	client = proxy.Dial(t)
	client.SendText(">")
	far = <-accepted
	far.ExpectText(">")
	return client, far
}
