package harness

import "testing"

// Proxy is a program that forwards from one listener to one target: what most
// tests need.
type Proxy struct {
	*Process
	Address Address // of its listener
}

// Dial connects a client to the proxy.
func (p *Proxy) Dial(t testing.TB) *Conn {
	t.Helper()
	return Dial(t, p.Address)
}

// StartProxy starts a program by socket activation on a new socket.
func StartProxy(t testing.TB, p *Program, tr Transport, target string, args ...string) *Proxy {
	t.Helper()
	return StartProxyWith(t, p, tr, Options{Args: append(args, target)})
}

// StartProxyWith is StartProxy with all options; the listener goes before those
// that o has.
func StartProxyWith(t testing.TB, p *Program, tr Transport, o Options) *Proxy {
	t.Helper()
	l := Listen(t, tr, SocketOptions{})
	o.Listeners = append([]*Listener{l}, o.Listeners...)
	return &Proxy{Start(t, p, o), l.Address}
}
