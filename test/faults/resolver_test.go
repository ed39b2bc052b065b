package faults

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"uring-socket-proxyd/test/lib/harness"
)

var resolverNeeds = []need{root, there("/etc/resolv.conf")}

// resolverCases run with the C library's resolver, which a program built with cgo has,
// and with Go's own, which is all that a static one has.
var resolverCases = []Case{
	{
		Name:  "resolver/hangs",
		Shows: "while the name server does not answer, connections go on, clients that reset are noticed, and those that wait are served once it answers",
		Needs: resolverNeeds,
		Run:   func(t *testing.T, p *harness.Program) { withResolvers(t, p, resolverHangs) },
	},
	{
		Name:  "resolver/one-family-hangs",
		Shows: "while the name server answers for IPv4 and not for IPv6, clients are served by what is known, with no more queries waiting than one lookup has, and --connect-timeout= does not end them",
		Needs: resolverNeeds,
		Run: func(t *testing.T, p *harness.Program) {
			withResolvers(t, p, oneFamilyHangs, "--connect-timeout=5s")
		},
	},
	{
		Name:  "resolver/other-family",
		Shows: "a client whose target refuses at the IPv4 address, which is known first, is served by the IPv6 one once the name server tells it",
		Needs: resolverNeeds,
		Run:   otherFamily,
	},
	{
		Name:  "resolver/hangs-at-the-end",
		Shows: "SIGTERM ends the program at once while the name server does not answer",
		Needs: resolverNeeds,
		Run:   func(t *testing.T, p *harness.Program) { withResolvers(t, p, resolverHangsAtEnd) },
	},
	{
		Name:  "resolver/fails",
		Shows: "when the name server knows no such name, or fails, clients are closed with a line and connections go on; when it knows again, so do clients",
		Needs: resolverNeeds,
		Run:   func(t *testing.T, p *harness.Program) { withResolvers(t, p, resolverFails) },
	},
}

func withResolvers(t *testing.T, p *harness.Program, run func(s *stage, server *nameServer), args ...string) {
	withResolversTo(t, p, harness.TCP4, run, args...)
}

// withResolversTo is withResolvers of a target on a transport.
func withResolversTo(t *testing.T, p *harness.Program, tr harness.Transport, run func(s *stage, server *nameServer), args ...string) {
	for _, resolver := range []string{"cgo", "go"} {
		t.Run(resolver, func(t *testing.T) {
			server := startNameServer(t)
			server.mu.Lock()
			server.ipv6 = tr == harness.TCP6
			server.mu.Unlock()
			l := harness.Listen(t, tr, harness.SocketOptions{})
			run(set(t, p, setting{
				on: l, name: "target.faults.test:" + l.Port(), start: server.asResolver,
				options: harness.Options{Args: args, Env: []string{"GODEBUG=netdns=" + resolver}},
			}), server)
		})
	}
}

func oneFamilyHangs(s *stage, server *nameServer) {
	server.hush(func(kind dnsmessage.Type) bool { return kind == dnsmessage.TypeAAAA })
	injected(1)
	for range 5 {
		c := s.dial()
		c.Send([]byte{kindEcho, '?'})
		c.ExpectText("?")
	}
	if asked := server.asked(); asked < 1 || asked > 2 {
		s.t.Errorf("%d queries wait for an answer, want 1 or 2", asked)
	}
	s.progress("while the name server is silent about IPv6")
	server.speak()
	s.end()
}

func otherFamily(t *testing.T, p *harness.Program) {
	withResolversTo(t, p, harness.TCP6, func(s *stage, server *nameServer) {
		server.hush(func(kind dnsmessage.Type) bool { return kind == dnsmessage.TypeAAAA })
		injected(1)
		c := s.dial()
		c.Send([]byte{kindEcho, '?'})
		harness.Until(s.t, "the queries of a lookup that takes long", func() bool { return server.asked() >= 2 })
		server.speak()
		c.ExpectText("?")
		s.end()
	})
}

// resolving has so many clients ask for an echo while the name server is silent. The
// lookups have a socket for each query at most: one for each family, and when these take
// long two others.
func (s *stage) resolving(server *nameServer, clients int) {
	s.t.Helper()
	server.hush(all)
	injected(1)
	for range clients {
		s.dial().Send([]byte{kindEcho, '?'})
	}
	harness.Until(s.t, "all to be in, and the name server asked", func() bool {
		return s.descriptors().sockets >= 1+2*len(s.all)+clients && server.asked() > 0
	})
}

func resolverHangs(s *stage, server *nameServer) {
	const clients, leaving, lookup = 12, 8, 4
	s.resolving(server, clients)
	s.progress("while the name server is silent")
	for _, c := range s.conns[:leaving] {
		c.Reset()
		injected(1)
	}
	harness.Until(s.t, "those that reset to be noticed", func() bool {
		return s.descriptors().sockets <= 1+2*len(s.all)+clients-leaving+lookup
	})
	server.speak()
	for _, c := range s.conns[leaving:] {
		c.ExpectText("?")
	}
	s.end()
}

func resolverHangsAtEnd(s *stage, server *nameServer) {
	s.resolving(server, 10)
	s.progress("while the name server is silent")
	s.terminate()
	for _, c := range s.conns {
		c.ExpectReset()
	}
}

func resolverFails(s *stage, server *nameServer) {
	for _, code := range []dnsmessage.RCode{dnsmessage.RCodeNameError, dnsmessage.RCodeServerFailure, dnsmessage.RCodeRefused} {
		server.fail(code)
		injected(1)
		s.dial().ExpectGone()
	}
	s.AwaitLine("cannot reach the target.*target.faults.test")
	s.progress("while names are not resolved")
	server.fail(dnsmessage.RCodeSuccess)
	c := s.dial()
	c.Send([]byte{kindEcho, '?'})
	c.ExpectText("?")
	s.end()
}
