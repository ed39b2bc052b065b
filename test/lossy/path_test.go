package lossy

import (
	"testing"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

// path is a client, a proxy and a target that are three machines to each other:
//
//	client -- link -- proxy -- link -- target
type path struct {
	client, proxy, target *network.Namespace
	ends                  []*network.End // all four of the two links
	clientSide            string         // the proxy's address for clients
	targetSide            string         // the target's address
}

func newPath(t *testing.T) *path {
	p := &path{
		client: network.New(t, "client"), proxy: network.New(t, "proxy"), target: network.New(t, "target"),
		clientSide: "10.1.0.2", targetSide: "10.2.0.2",
	}
	client, near := network.Join(t, p.client, "10.1.0.1", p.proxy, p.clientSide)
	far, target := network.Join(t, p.proxy, "10.2.0.1", p.target, p.targetSide)
	p.ends = []*network.End{client, near, far, target}
	return p
}

func (p *path) namespaces() []*network.Namespace {
	return []*network.Namespace{p.client, p.proxy, p.target}
}

// start starts the target and the proxy, and returns the proxy's address.
func (p *path) start(t *testing.T, program *harness.Program, script func(*harness.Conn)) (server *harness.Server, address harness.Address) {
	t.Helper()
	p.target.Do(t, func() { server = harness.ServeOn(t, listen(t, p.targetSide), script) })
	p.proxy.Do(t, func() {
		l := listen(t, p.clientSide)
		address = l.Address
		harness.Start(t, program, harness.Options{Listeners: []*harness.Listener{l}, Args: []string{server.Target()}})
	})
	return server, address
}

func listen(t *testing.T, ip string) *harness.Listener {
	t.Helper()
	return harness.ListenOn(t, harness.Address{Transport: harness.TCP4, Network: "tcp4", Text: ip + ":0"}, harness.SocketOptions{})
}
