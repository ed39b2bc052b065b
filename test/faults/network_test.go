package faults

import (
	"fmt"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// Faults of the network between program and target, in a network namespace.
var networkCases = []Case{
	{
		Name:  "network/dropped-by-nftables",
		Shows: "while a packet filter drops all connects to the target, those that are connected go on; clients that wait are served when it stops",
		Needs: []need{root, command("nft")},
		Run:   droppedConnects,
	},
	{
		Name:  "network/rejected-by-nftables",
		Shows: "when a packet filter begins to reject a connection's packets with resets, its client is reset",
		Needs: []need{root, command("nft")},
		Run:   rejectedPackets,
	},
	{
		Name:  "network/down-and-up",
		Shows: "streams survive a network that is down for a while, without a byte lost, and connects that were begun meanwhile succeed",
		Needs: []need{root},
		Run:   downAndUp,
	},
	{
		Name:  "network/out-of-ports",
		Shows: "when no local port is left, the client is closed with a line that says so, those that are connected go on, and a port that comes back is used",
		Needs: []need{root},
		Run:   outOfPorts,
	},
}

// setIn starts a proxy in a network of its own.
func setIn(t *testing.T, p *harness.Program) (*stage, *namespace) {
	t.Helper()
	n := newNamespace(t)
	return set(t, p, setting{on: n.listen(), start: n.within}), n
}

func droppedConnects(t *testing.T, p *harness.Program) {
	const clients = 10
	s, n := setIn(t, p)
	n.run(`table inet faults { chain in { type filter hook input priority 0; tcp flags & (syn|ack) == syn drop; }; }`, "nft", "-f", "-")
	injected(1)
	s.connecting(clients)
	s.progress("while connects are dropped")
	n.run("", "nft", "flush", "ruleset")
	for _, c := range s.conns {
		c.SendText("served")
		c.ExpectText("served")
	}
	s.end()
}

func rejectedPackets(t *testing.T, p *harness.Program) {
	s, n := setIn(t, p)
	client, far := s.joinEnds(harness.SocketOptions{})
	flows(client, far)
	n.run(fmt.Sprintf(`table inet faults { chain in { type filter hook input priority 0; tcp sport %d tcp dport %d reject with tcp reset; }; }`,
		portOf(far.RemoteAddr()), portOf(far.LocalAddr())), "nft", "-f", "-")
	injected(1)
	client.expectBroken()
	s.end()
}

func downAndUp(t *testing.T, p *harness.Program) {
	s, n := setIn(t, p)
	client, far := s.joinEnds(harness.SocketOptions{})
	flows(client, far)
	n.loopback(false)
	injected(1)
	client.awaitStuck()
	waiting := s.dial()
	waiting.Send([]byte{kindEcho, '?'})
	s.awaitSockets("the connect to be under way", 2*2)
	n.loopback(true)
	waiting.ExpectText("?")
	far.awaitReceived(far.received.Load() + 1<<20)
	s.end()
}

func outOfPorts(t *testing.T, p *harness.Program) {
	const ports, extra = 8, 5
	s, n := setIn(t, p)
	n.ephemeral(20001, 20000+ports)
	var held []*harness.Conn
	for range ports {
		client, _ := s.join()
		held = append(held, client)
	}
	for range extra {
		injected(1)
		s.dial().ExpectGone()
	}
	s.AwaitLine("cannot reach the target.*cannot assign requested address")
	s.progress("without a port left")
	held[0].Reset() // so that its port does not stay in TIME_WAIT
	s.awaitSockets("the port to come back", 2*(ports-1))
	s.join()
	s.end()
}
