package conformance

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

var fastOpenCases = []Case{
	{
		Name:   "fast-open/target",
		Shows:  "with --fast-open what a client has sent by then travels with the connect, once the target has given a cookie, over IPv4 and IPv6, from TCP and UNIX clients",
		Except: noOutbound,
		Run:    fastOpenTarget,
	},
	{
		Name:   "fast-open/target-speaks-first",
		Shows:  "--fast-open does not wait for the client to send",
		Except: noOutbound,
		Run:    fastOpenSilent,
	},
	{
		Name:   "fast-open/end",
		Shows:  "a client that ends its request at once gets its reply, however long the connect takes",
		Except: noOutbound,
		Run:    fastOpenEnd,
	},
	{
		Name:   "fast-open/refused",
		Shows:  "what travelled with a connect that was refused goes to the next address, intact and once",
		Except: noOutbound,
		Run:    fastOpenRefused,
	},
	{
		Name:   "fast-open/retry",
		Shows:  "with --connect-retry= what travelled with a connect that was refused goes to the target once it is up",
		Except: noOutbound,
		Run:    fastOpenRetry,
	},
	{
		Name:   "fast-open/timed-out",
		Shows:  "what travelled with a connect that timed out (--connect-timeout=) goes to the next address",
		Except: noOutbound,
		Run:    fastOpenTimedOut,
	},
	{
		Name:   "fast-open/header",
		Shows:  "a PROXY header travels with the connect too, alone or with what the client has sent",
		Except: noOutbound,
		Run:    fastOpenHeader,
	},
	{
		Name:   "fast-open/clients",
		Shows:  "with --fast-open clients can send with their connect, both to sockets of --listen= and to inherited ones",
		Except: noOutbound,
		Run:    fastOpenClients,
	},
	{
		Name:   "fast-open/switched-off",
		Shows:  "if it is switched off on the machine, --fast-open says so once, and bytes arrive as without it",
		Except: noOutbound,
		Run:    fastOpenOff,
	},
}

// both is the sysctl's value for clients and servers.
const both = "3"

// fastServer is a target that gives cookies, and takes bytes with the connect.
func fastServer(t *testing.T, in *network.Namespace, a harness.Address, script func(*harness.Conn)) *harness.Server {
	t.Helper()
	in.Sysctl(t, "ipv4/tcp_fastopen", both)
	server := serve(t, in, a, script)
	raw, err := server.Listener.Listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return server
}

// sendAhead has a client send before the proxy can connect it: while that is stopped.
func sendAhead(t *testing.T, from *network.Namespace, proxy *harness.Proxy, data []byte) *harness.Conn {
	t.Helper()
	proxy.Pause()
	defer proxy.Signal(syscall.SIGCONT)
	client := dialFrom(t, from, proxy)
	client.Send(data)
	if proxy.Address.Transport.IsTCP() {
		client.AwaitDelivered() // a UNIX socket has it at once
	}
	return client
}

// prime has the proxy's machine learn the cookie of a target that echoes.
func prime(t *testing.T, from *network.Namespace, proxy *harness.Proxy) {
	t.Helper()
	client := sendAhead(t, from, proxy, []byte("a cookie, please"))
	client.ExpectText("a cookie, please")
	client.EndWriting()
	client.ExpectEnd()
}

// early is how often bytes have travelled with a connect from a namespace.
func early(t *testing.T, n *network.Namespace) uint64 {
	t.Helper()
	return n.Count(t, "TCPFastOpenActive")
}

func fastOpenTarget(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	data := harness.Random(harness.Seed(t), 0, 100<<10)
	for _, f := range families {
		server := fastServer(t, x.target, f.on(f.target), harness.Echo)
		for _, on := range []harness.Address{f.on(f.near), harness.NewAddress(t, harness.Unix)} {
			proxy := x.start(t, p, on, "--fast-open", server.Target())
			prime(t, x.client, proxy)
			before, taken := early(t, x.proxy), x.target.Count(t, "TCPFastOpenPassive")
			for _, size := range []int{1, 1000, 5000, 50 << 10, len(data)} {
				ahead := min(size, 50<<10)
				client := sendAhead(t, x.client, proxy, data[:ahead])
				go func() {
					if size > ahead {
						client.Send(data[ahead:size])
					}
					client.EndWriting()
				}()
				client.Expect(data[:size])
				client.ExpectEnd()
			}
			if n := early(t, x.proxy) - before; n != 5 {
				t.Errorf("%s, clients on %s: bytes travelled with %d of 5 connects", f.name(), on.Transport, n)
			}
			if n := x.target.Count(t, "TCPFastOpenPassive") - taken; n != 5 {
				t.Errorf("%s, clients on %s: the target took bytes with %d of 5 connects", f.name(), on.Transport, n)
			}
		}
	}
}

func fastOpenSilent(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	f := families[0]
	server := fastServer(t, x.target, f.on(f.target), func(c *harness.Conn) {
		c.SendText("220 ready\n")
		harness.Echo(c)
	})
	proxy := x.start(t, p, f.on(f.near), "--fast-open", server.Target())
	for range 3 { // the first may bring the cookie
		client := sendAhead(t, x.client, proxy, []byte("impatient"))
		client.ExpectText("220 ready\nimpatient")
	}
	before := early(t, x.proxy)
	if before == 0 {
		t.Error("the target has given no cookie")
	}
	client := dialFrom(t, x.client, proxy)
	client.ExpectText("220 ready\n")
	client.SendText("patient")
	client.ExpectText("patient")
	if n := early(t, x.proxy) - before; n != 0 {
		t.Errorf("bytes travelled with %d connects, of a client that had sent none", n)
	}
}

func fastOpenEnd(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	f := families[0]
	server := fastServer(t, x.target, f.on(f.target), harness.Echo)
	proxy := x.start(t, p, f.on(f.near), "--fast-open", server.Target())
	prime(t, x.client, proxy)
	taken := x.proxy.CountEarly(t, endpoint(server).Port())
	// The connect is not answered before it is sent again, after a second.
	dropped, stop := x.target.DropConnects(t, endpoint(server))
	data := harness.Random(harness.Seed(t), 0, 1000)
	proxy.Pause()
	client := dialFrom(t, x.client, proxy)
	client.Send(data)
	client.EndWriting()
	client.AwaitDelivered()
	proxy.Signal(syscall.SIGCONT)
	harness.Until(t, "a connect to be dropped", func() bool { return dropped() > 0 })
	stop()
	client.Expect(data)
	client.ExpectEnd()
	wantTaken(t, taken, 1)
}

// wantTaken checks how many connects have taken bytes along, which need not have arrived.
func wantTaken(t *testing.T, taken func() uint64, want uint64) {
	t.Helper()
	if n := taken(); n != want {
		t.Errorf("%d connects have taken bytes along, want %d", n, want)
	}
}

func fastOpenRefused(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	data := harness.Random(harness.Seed(t), 0, 3000)
	first, second, proxy := x.startTwo(t, p)
	first.Close()
	taken := x.proxy.CountEarly(t, endpoint(first).Port())
	client := sendAhead(t, x.client, proxy, data)
	client.Expect(data)
	client.EndWriting()
	client.ExpectEnd()
	second.Wait()
	wantTaken(t, taken, 1) // the second has given no cookie yet
}

// startTwo starts a proxy whose target has two addresses in the proxy's own namespace. It
// has the cookie of the first.
func (x *crossing) startTwo(t *testing.T, p *harness.Program, args ...string) (first, second *harness.Server, proxy *harness.Proxy) {
	t.Helper()
	v4, v6 := families[0], families[1]
	first = fastServer(t, x.proxy, v6.on(v6.loopback), harness.Echo)
	second = fastServer(t, x.proxy, harness.Address{Transport: v4.transport, Network: "tcp4", Text: net.JoinHostPort(v4.loopback, first.Port())}, harness.Echo)
	proxy = x.start(t, p, v4.on(v4.near), append(args, "--fast-open", "*:"+first.Port())...)
	prime(t, x.client, proxy)
	return first, second, proxy
}

func fastOpenTimedOut(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	data := harness.Random(harness.Seed(t), 0, 3000)
	first, second, proxy := x.startTwo(t, p, "--connect-timeout=300ms")
	taken := x.proxy.CountEarly(t, endpoint(first).Port())
	x.proxy.DropConnects(t, endpoint(first))
	client := sendAhead(t, x.client, proxy, data)
	client.Expect(data)
	client.EndWriting()
	client.ExpectEnd()
	second.Wait()
	wantTaken(t, taken, 1)
}

func fastOpenRetry(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	data := harness.Random(harness.Seed(t), 0, 3000)
	f := families[0]
	target := fastServer(t, x.target, f.on(f.target), harness.Echo)
	proxy := x.start(t, p, f.on(f.near), "--fast-open", "--connect-retry=1min", target.Target())
	prime(t, x.client, proxy)
	target.Close()
	taken := x.proxy.CountEarly(t, endpoint(target).Port())
	client := sendAhead(t, x.client, proxy, data)
	proxy.AwaitLine(`waits for the target`)
	fastServer(t, x.target, target.Address, harness.Echo)
	client.Expect(data)
	client.EndWriting()
	client.ExpectEnd()
	if n := taken(); n < 2 {
		t.Errorf("%d connects have taken bytes along, want one and more of the tries", n)
	}
}

func fastOpenHeader(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	f := families[0]
	lines := make(chan string, 10)
	server := fastServer(t, x.target, f.on(f.target), func(c *harness.Conn) {
		reader := bufio.NewReader(c)
		for {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			lines <- line
			c.SendText("ok\n")
		}
	})
	proxy := x.start(t, p, f.on(f.near), "--fast-open", "--proxy-protocol=v1", "--accept-proxy-protocol", server.Target())
	const header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
	long := strings.Repeat("x", 8000) + "\n"
	for i, payload := range []string{"first\n", "", "second\n", long} {
		before := early(t, x.proxy)
		client := sendAhead(t, x.client, proxy, []byte(header+payload))
		client.ExpectText("ok\n")
		if got := <-lines; got != header {
			t.Errorf("the target got %q, want the header", got)
		}
		if payload != "" {
			client.ExpectText("ok\n")
			if got := <-lines; got != payload {
				t.Errorf("the target got %d bytes, want %d: the payload", len(got), len(payload))
			}
		}
		client.SendText("more\n")
		client.ExpectText("ok\n")
		if got := <-lines; got != "more\n" {
			t.Errorf("the target got %q, want what came later", got)
		}
		if n := early(t, x.proxy) - before; i > 0 && n != 1 {
			t.Errorf("payload of %d bytes: %d connects took bytes along", len(payload), n)
		}
	}
}

func fastOpenClients(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	x.proxy.Sysctl(t, "ipv4/tcp_fastopen", both)
	for _, f := range families {
		server := serve(t, x.target, f.on(f.target), harness.Echo)
		inherited := x.start(t, p, f.on(f.near), "--fast-open", server.Target())
		inherited.AwaitLine("^forwarding: ")
		opened := harness.Unused(t, harness.TCP4).Port() // a port that is free elsewhere is so there
		var process *harness.Process
		x.proxy.Do(t, func() {
			process = harness.Start(t, p, harness.Options{Args: []string{"--fast-open", "--listen=" + net.JoinHostPort(f.near, opened), server.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
		})
		process.AwaitLine("^forwarding: ")
		for _, port := range []string{inherited.Address.Port(), opened} {
			to := netip.MustParseAddrPort(net.JoinHostPort(f.near, port))
			echoFast(t, x.client, to) // may bring the cookie
			before := x.proxy.Count(t, "TCPFastOpenPassive")
			echoFast(t, x.client, to)
			if n := x.proxy.Count(t, "TCPFastOpenPassive") - before; n != 1 {
				t.Errorf("%s: %d connects brought bytes along, want one", to, n)
			}
		}
	}
}

// echoFast sends bytes with a connect, and gets them back.
func echoFast(t *testing.T, from *network.Namespace, to netip.AddrPort) {
	t.Helper()
	address, err := target.FromAddrPort(to)
	if err != nil {
		t.Fatal(err)
	}
	from.Do(t, func() {
		fd, err := unix.Socket(int(address.Family), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		limit := unix.NsecToTimeval(harness.Patience.Nanoseconds())
		if err := errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit)); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.SendmsgN(fd, []byte("with the connect"), nil, address.Endpoint(), unix.MSG_FASTOPEN); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 64)
		n, _, err := unix.Recvfrom(fd, got, 0)
		for err == unix.EINTR { // a call with a timeout is not restarted, signal(7); Go's runtime sends signals
			n, _, err = unix.Recvfrom(fd, got, 0)
		}
		if err != nil || string(got[:n]) != "with the connect" {
			t.Errorf("got %q, %v", got[:max(n, 0)], err)
		}
	})
}

func fastOpenOff(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	f := families[0]
	x.proxy.Sysctl(t, "ipv4/tcp_fastopen", "0")
	server := serve(t, x.target, f.on(f.target), harness.Echo)
	proxy := x.start(t, p, f.on(f.near), "--fast-open", server.Target())
	proxy.AwaitLine(`--fast-open has no effect towards targets.*net.ipv4.tcp_fastopen`)
	prime(t, x.client, proxy)
	prime(t, x.client, proxy)
}
