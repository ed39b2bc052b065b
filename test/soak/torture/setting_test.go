package torture

import (
	"os"
	"slices"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

// setting is how a proxy is started, and where.
type setting struct {
	name    string
	program *harness.Program
	args    []string
	headers bool // clients begin with a PROXY header, and targets get one
	passing bool // descriptors are passed on
	small   bool // TCP sockets have small send buffers, in a network of the setting's own
}

func settings() []*setting {
	headers := []string{"--accept-proxy-protocol", "--proxy-protocol=v2"}
	return []*setting{
		{name: "uring", program: harness.Uring},
		{name: "uring-3-workers", program: harness.Uring, args: []string{"--workers=3"}},
		{name: "epoll", program: harness.Epoll},
		{name: "uring-small-buffers", program: harness.Uring, args: []string{"--buffer-size=8K", "--pool-size=1M"}},
		{name: "uring-large-pieces", program: harness.Uring, args: []string{"--pool-size=32M"}, small: true},
		{name: "uring-no-splice", program: harness.Uring, args: []string{"--ring-features=-splice"}},
		{name: "uring-as-of-6.1", program: harness.On61},
		{name: "uring-headers", program: harness.Uring, args: headers, headers: true},
		{name: "epoll-headers", program: harness.Epoll, args: headers, headers: true},
		{name: "uring-passing", program: harness.Uring, args: []string{"--pass-fds"}, passing: true},
		{name: "epoll-passing", program: harness.Epoll, args: []string{"--pass-fds"}, passing: true},
		{name: "uring-no-multishot", program: harness.Uring, args: []string{"--ring-features=-recv-multishot"}},
	}
}

// smallSendBuffers are net.ipv4.tcp_wmem of such a setting, as docs/memory.md has them
// for many connections.
const smallSendBuffers = "4096 16384 16384"

// where returns what calls a function in the network that the setting is played in.
func (s *setting) where(t *testing.T) func(func()) {
	if !s.small {
		return func(f func()) { f() }
	}
	n := network.New(t, s.name)
	n.Sysctl(t, "ipv4/tcp_wmem", smallSendBuffers)
	return func(f func()) { n.Do(t, f) }
}

// ingredients are what $TORTURE_WITHOUT may leave out of the plans.
var ingredients = []string{
	"urgent",                           // bytes of urgent data
	"early",                            // ... of clients, which may send them before they are taken in
	"exchange", "jam", "hold", "stuck", // plans: see there
	"stops",  // stops of the process
	"resets", // of TCP
	"tiny",   // socket buffers
	"tcp", "unix",
}

// left are those that are left out.
var left = strings.FieldsFunc(os.Getenv("TORTURE_WITHOUT"), func(r rune) bool { return r == ',' })

func without(ingredient string) bool { return slices.Contains(left, ingredient) }

// route is a way through the proxy: a listener of its own leads to one of the targets.
type route struct {
	client harness.Transport
	target int // in targetKinds
}

// targetKinds are the sockets that targets listen on.
var targetKinds = []struct {
	transport harness.Transport
	tiny      bool // what they accept has a tiny receive buffer
}{{harness.TCP4, false}, {harness.TCP4, true}, {harness.Unix, false}}

// routes are all of them. Descriptors are passed on by the last.
var routes = []route{{harness.TCP4, 0}, {harness.TCP4, 1}, {harness.TCP4, 2}, {harness.Unix, 0}, {harness.Unix, 1}, {harness.Unix, 2}}

func (r route) tcp(who role) bool {
	if who == client {
		return r.client.IsTCP()
	}
	return targetKinds[r.target].transport.IsTCP()
}

func (r route) String() string {
	text := map[bool]string{true: "tcp", false: "unix"}
	return text[r.tcp(client)] + " to " + text[r.tcp(target)]
}

// passes reports whether descriptors that are sent with bytes arrive.
func (r route) passes() bool { return !r.tcp(client) && !r.tcp(target) }
