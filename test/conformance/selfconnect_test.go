package conformance

import (
	"net"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

var selfConnectCases = []Case{
	{
		Name:   "target/meets-itself",
		Shows:  "a connect that meets itself, because nobody listens on a port that the kernel gives out, counts as refused: no client hears itself, and the target can still start",
		Except: notOriginal("its client hears itself"),
		Run:    overEach(families, family.name, meetsItself),
	},
}

// meetsItself has few ports to connect from, so that each connect has a fair chance to get
// the target's own.
func meetsItself(t *testing.T, p *harness.Program, f family) {
	const clients, port = 12, "40004"
	n := network.New(t, "narrow")
	n.Sysctl(t, "ipv4/ip_local_port_range", "40000 40015")
	address := harness.Address{Transport: f.transport, Network: string(f.transport), Text: net.JoinHostPort(f.loopback, port)}
	n.Do(t, func() {
		front := harness.Listen(t, harness.Unix, harness.SocketOptions{})
		process := harness.Start(t, p, harness.Options{
			Listeners: []*harness.Listener{front}, Args: []string{"--connect-retry=1h", address.Text},
			Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
		})
		process.AwaitLine("^forwarding: ")
		var waiting []*harness.Conn
		for range clients {
			client := harness.Dial(t, front.Address)
			client.SendText("who is there?")
			waiting = append(waiting, client)
		}
		harness.Stays(t, "nobody hears itself", 2*time.Second, func() bool {
			for _, client := range waiting {
				if client.Readable() > 0 {
					return false
				}
			}
			return true
		})
		script, accepted := harness.Hand()
		// A connect that is being refused has the port for a moment.
		var l *harness.Listener
		harness.Until(t, "the target to come up", func() bool {
			l = tryListen(t, address)
			return l != nil
		})
		harness.ServeOn(t, l, script)
		for range clients {
			far := next(t, accepted)
			far.ExpectText("who is there?")
			far.SendText("the target")
		}
		for _, client := range waiting {
			client.ExpectText("the target")
		}
	})
}

// tryListen listens on an address, unless that is in use.
func tryListen(t *testing.T, a harness.Address) *harness.Listener {
	t.Helper()
	l, err := net.Listen(a.Network, a.Text)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { l.Close() })
	return &harness.Listener{Listener: l, Address: a}
}
