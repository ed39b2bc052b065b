package conformance

import (
	"net"
	"net/netip"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

// crossing is a client, a proxy and a target that are three machines to each other:
//
//	client -- link -- proxy -- link -- target
//
// The way from the target to the client leads through the proxy.
type crossing struct {
	client, proxy, target *network.Namespace
	far                   *network.End // of the proxy, to the target
}

// family is what a crossing's addresses are in IPv4 or IPv6.
type family struct {
	transport                 harness.Transport
	client, near, far, target string
	another                   string // of the proxy's, beside far
	loopback                  string
}

var families = []family{
	{harness.TCP4, "10.1.0.1", "10.1.0.2", "10.2.0.1", "10.2.0.2", "10.2.0.77", "127.0.0.1"},
	{harness.TCP6, "fd01::1", "fd01::2", "fd02::1", "fd02::2", "fd02::77", "::1"},
}

func (f family) name() string { return string(f.transport) }

// on is a port of an address; 0 to be chosen.
func (f family) on(ip string) harness.Address {
	return harness.Address{Transport: f.transport, Network: string(f.transport), Text: net.JoinHostPort(ip, "0")}
}

func newCrossing(t *testing.T) *crossing {
	t.Helper()
	x := &crossing{client: network.New(t, "client"), proxy: network.New(t, "proxy"), target: network.New(t, "target")}
	v4, v6 := families[0], families[1]
	client, near := network.Join(t, x.client, v4.client, x.proxy, v4.near)
	far, target := network.Join(t, x.proxy, v4.far, x.target, v4.target)
	client.Add(t, v6.client)
	near.Add(t, v6.near)
	far.Add(t, v6.far)
	target.Add(t, v6.target)
	far.Add(t, v4.another)
	far.Add(t, v6.another)
	for _, f := range families {
		x.target.Via(t, f.far)
	}
	x.far = far
	return x
}

// serve serves a script in a namespace.
func serve(t *testing.T, in *network.Namespace, a harness.Address, script func(*harness.Conn)) (server *harness.Server) {
	t.Helper()
	in.Do(t, func() { server = harness.ServeOn(t, harness.ListenOn(t, a, harness.SocketOptions{}), script) })
	return server
}

// start starts the proxy in its namespace, on a listener there.
func (x *crossing) start(t *testing.T, p *harness.Program, on harness.Address, args ...string) (proxy *harness.Proxy) {
	t.Helper()
	x.proxy.Do(t, func() {
		l := harness.ListenOn(t, on, harness.SocketOptions{})
		options := harness.Options{Listeners: []*harness.Listener{l}, Args: args, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}}
		proxy = &harness.Proxy{Process: harness.Start(t, p, options), Address: l.Address}
	})
	return proxy
}

// dial connects a client of a namespace to the proxy.
func dialFrom(t *testing.T, from *network.Namespace, proxy *harness.Proxy) (client *harness.Conn) {
	t.Helper()
	from.Do(t, func() { client = proxy.Dial(t) })
	return client
}

// sayPeer is a target that tells each client where its connection comes from, and then
// echoes.
func sayPeer(c *harness.Conn) {
	c.SendText(ipOf(c.RemoteAddr()) + "\n")
	harness.Echo(c)
}

func ipOf(a net.Addr) string {
	return a.(*net.TCPAddr).AddrPort().Addr().Unmap().WithZone("").String()
}

// expectPeer checks what sayPeer says, and that bytes go both ways.
func expectPeer(client *harness.Conn, ip string) {
	client.ExpectText(ip + "\n")
	client.SendText("and back")
	client.ExpectText("and back")
	client.EndWriting()
	client.ExpectEnd()
}

// endpoint is where a server listens.
func endpoint(s *harness.Server) netip.AddrPort { return s.Addr().(*net.TCPAddr).AddrPort() }

// portOn is a server's port on another address.
func portOn(ip string, s *harness.Server) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(ip), endpoint(s).Port())
}
