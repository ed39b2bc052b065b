package conformance

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var noOutbound = notOriginal("no such option")

var outboundCases = []Case{
	{
		Name:   "mark/seen",
		Shows:  "with --mark= each packet to the target has the mark, over IPv4 and IPv6",
		Except: noOutbound,
		Run:    markSeen,
	},
	{
		Name:   "mark/unprivileged",
		Shows:  "without the privilege that --mark= and --transparent need, the program names it and does not start",
		Except: noOutbound,
		Run:    outboundUnprivileged,
	},
	{
		Name:   "bind/source",
		Shows:  "with --bind= the target sees that address, over IPv4 and IPv6",
		Except: noOutbound,
		Run:    bindSource,
	},
	{
		Name:   "bind/one-family",
		Shows:  "with --bind= of one family only, a target's addresses of the other family are skipped, and the log says why if none is left",
		Except: noOutbound,
		Run:    bindOneFamily,
	},
	{
		Name:   "bind/not-yet",
		Shows:  "where the machine allows foreign addresses, --bind= of an address that appears later works from then on",
		Except: noOutbound,
		Run:    bindNotYet,
	},
	{
		Name:   "bind/ports",
		Shows:  "--bind= allows as many connections to each target as there are ports",
		Except: noOutbound,
		Run:    bindPorts,
	},
	{
		Name:   "transparent/elsewhere",
		Shows:  "with --transparent a target on another machine sees the client's address, over IPv4 and IPv6",
		Except: noOutbound,
		Run:    transparentElsewhere,
	},
	{
		Name:   "transparent/same-machine",
		Shows:  "... and so does a target on the loopback interface of the proxy's machine",
		Except: noOutbound,
		Run:    transparentSameMachine,
	},
	{
		Name:   "transparent/header",
		Shows:  "with --accept-proxy-protocol it is the address in the header; one that cannot be a source is refused",
		Except: noOutbound,
		Run:    transparentHeader,
	},
	{
		Name:   "transparent/unix-client",
		Shows:  "clients over UNIX sockets come from the proxy's own address with --transparent",
		Except: noOutbound,
		Run:    transparentUnixClient,
	},
	{
		Name:   "transparent/other-family",
		Shows:  "with --transparent a target's addresses of another family than the client's are skipped, and the log says why if none is left",
		Except: noOutbound,
		Run:    transparentOtherFamily,
	},
}

func markSeen(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	each(t, families, family.name, func(t *testing.T, f family) {
		server := serve(t, x.target, f.on(f.target), harness.Echo)
		for i, mark := range []string{"0x2a", "4294967295"} {
			counts := x.proxy.CountMarked(t, endpoint(server).Port(), []uint32{42, 1<<32 - 1}[i])
			proxy := x.start(t, p, f.on(f.near), "--mark="+mark, server.Target())
			client := dialFrom(t, x.client, proxy)
			client.SendText("hello")
			client.ExpectText("hello")
			client.EndWriting()
			client.ExpectEnd()
			if marked, all := counts(); marked == 0 || marked != all {
				t.Errorf("%s: %d of %d packets have the mark", mark, marked, all)
			}
		}
	})
}

func outboundUnprivileged(t *testing.T, p *harness.Program) {
	const nobody = 65534
	for _, option := range []string{"--mark=7", "--transparent"} {
		process := harness.Start(t, p, harness.Options{Args: []string{option, "127.0.0.1:1"}, User: nobody, MayFail: true,
			Listeners: []*harness.Listener{harness.Listen(t, harness.TCP4, harness.SocketOptions{})}})
		wantRefusal(t, process, option, "not permitted", "CAP_NET_ADMIN")
	}
}

func bindSource(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	v4, v6 := families[0], families[1]
	each(t, families, family.name, func(t *testing.T, f family) {
		server := serve(t, x.target, f.on(f.target), sayPeer)
		proxy := x.start(t, p, f.on(f.near), "--bind="+v4.another, "--bind="+v6.another, server.Target())
		for range 3 {
			expectPeer(dialFrom(t, x.client, proxy), f.another)
		}
	})
}

// bindOneFamily has a target of two addresses, [::1] and 127.0.0.1, in this order.
func bindOneFamily(t *testing.T, p *harness.Program) {
	server := harness.ServeOn(t, harness.ListenOn(t, harness.Address{Transport: harness.TCP6, Network: "tcp", Text: "[::]:0"}, harness.SocketOptions{}), sayPeer)
	for _, ip := range []string{"127.0.0.9", "::1"} {
		proxy := harness.StartProxy(t, p, harness.TCP4, "*:"+server.Port(), "--bind="+ip)
		expectPeer(proxy.Dial(t), ip)
	}
	// IPv4 alone, and nobody listens there.
	proxy := harness.StartProxy(t, p, harness.TCP4, "*:"+strings.TrimPrefix(harness.Unused(t, harness.TCP4).Text, "127.0.0.1:"), "--bind=127.0.0.9")
	proxy.Dial(t).ExpectGone()
	proxy.AwaitLine(`cannot reach the target.*\[::1\]:\d+: no IPv6 address in --bind=; 127.0.0.1:\d+: connection refused`)
}

func bindNotYet(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	for _, test := range []struct {
		family
		sysctl, later string
	}{{families[0], "ipv4/ip_nonlocal_bind", "10.2.0.99"}, {families[1], "ipv6/ip_nonlocal_bind", "fd02::99"}} {
		server := serve(t, x.target, test.on(test.target), sayPeer)
		var process *harness.Process
		x.proxy.Do(t, func() {
			process = harness.Start(t, p, harness.Options{Args: []string{"--listen=127.0.0.1:0", "--bind=" + test.later, server.Target()}, MayFail: true})
		})
		wantRefusal(t, process, "--bind="+test.later, "no network interface has this address", strings.ReplaceAll(test.sysctl, "/", "."))
		x.proxy.Sysctl(t, "ipv4/ip_nonlocal_bind", "1")
		x.proxy.Sysctl(t, test.sysctl, "1")
		proxy := x.start(t, p, test.on(test.near), "--connect-retry=1min", "--connect-timeout=100ms", "--bind="+test.later, server.Target())
		client := dialFrom(t, x.client, proxy)
		proxy.AwaitLine(`waits for the target`)
		x.far.Add(t, test.later)
		expectPeer(client, test.later)
	}
}

// bindPorts has two programs connect from one address to two targets, each as often as
// there are ports.
func bindPorts(t *testing.T, p *harness.Program) {
	const ports = 6
	x := newCrossing(t)
	x.proxy.Sysctl(t, "ipv4/ip_local_port_range", fmt.Sprintf("20001 %d", 20000+ports))
	each(t, families, family.name, func(t *testing.T, f family) {
		var clients []*harness.Conn
		for range 2 {
			server := serve(t, x.target, f.on(f.target), sayPeer)
			proxy := x.start(t, p, harness.NewAddress(t, harness.Unix), "--bind="+f.another, server.Target())
			for range ports {
				client := proxy.Dial(t)
				client.ExpectText(f.another + "\n")
				clients = append(clients, client)
			}
		}
		for _, client := range clients {
			client.SendText("still there")
			client.ExpectText("still there")
		}
	})
}

func transparentElsewhere(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	each(t, families, family.name, func(t *testing.T, f family) {
		server := serve(t, x.target, f.on(f.target), sayPeer)
		x.proxy.TakeReplies(t, endpoint(server))
		proxy := x.start(t, p, f.on(f.near), "--transparent", server.Target())
		for range 3 {
			expectPeer(dialFrom(t, x.client, proxy), f.client)
		}
	})
	t.Run("client mapped into IPv6", func(t *testing.T) {
		f := families[0]
		server := serve(t, x.target, f.on(f.target), sayPeer)
		x.proxy.TakeReplies(t, endpoint(server))
		proxy := x.start(t, p, harness.Address{Transport: harness.TCP6, Network: "tcp", Text: "[::]:0"}, "--transparent", server.Target())
		proxy.Address = harness.Address{Transport: harness.TCP4, Network: "tcp4", Text: net.JoinHostPort(f.near, proxy.Address.Port())}
		expectPeer(dialFrom(t, x.client, proxy), f.client)
	})
}

func transparentSameMachine(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	each(t, families, family.name, func(t *testing.T, f family) {
		server := serve(t, x.proxy, f.on(f.loopback), sayPeer)
		x.proxy.TakeReplies(t, endpoint(server))
		proxy := x.start(t, p, f.on(f.near), "--transparent", server.Target())
		expectPeer(dialFrom(t, x.client, proxy), f.client)
		expectPeer(dialFrom(t, x.proxy, proxy), f.near) // as the kernel chooses for itself
	})
}

func transparentHeader(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	f := families[0]
	server := serve(t, x.target, f.on(f.target), sayPeer)
	x.proxy.TakeReplies(t, endpoint(server))
	proxy := x.start(t, p, f.on(f.near), "--transparent", "--accept-proxy-protocol", server.Target())
	for _, test := range []struct{ header, source string }{
		{"PROXY TCP4 192.0.2.7 192.0.2.8 1000 80\r\n", "192.0.2.7"},
		{"PROXY TCP6 ::ffff:192.0.2.9 ::ffff:192.0.2.8 1000 80\r\n", "192.0.2.9"},
		{"PROXY UNKNOWN\r\n", f.client},
	} {
		client := dialFrom(t, x.client, proxy)
		client.SendText(test.header)
		expectPeer(client, test.source)
	}
	for _, test := range []struct{ header, reason string }{
		{"PROXY TCP6 2001:db8::1 2001:db8::2 1000 80\r\n", "the client's address, which --transparent keeps, is IPv6"},
		{"PROXY TCP4 0.0.0.0 192.0.2.8 1000 80\r\n", "is not a usable source address"},
		{"PROXY TCP4 224.0.0.1 192.0.2.8 1000 80\r\n", "is not a usable source address"},
		{"PROXY TCP4 255.255.255.255 192.0.2.8 1000 80\r\n", "is not a usable source address"},
	} {
		client := dialFrom(t, x.client, proxy)
		client.SendText(test.header)
		client.ExpectGone()
		proxy.AwaitLine(`cannot reach the target.*` + test.reason)
	}
}

func transparentUnixClient(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	f := families[0]
	server := serve(t, x.target, f.on(f.target), sayPeer)
	proxy := x.start(t, p, harness.NewAddress(t, harness.Unix), "--transparent", server.Target())
	expectPeer(proxy.Dial(t), f.far)
}

func transparentOtherFamily(t *testing.T, p *harness.Program) {
	x := newCrossing(t)
	v4, v6 := families[0], families[1]
	for _, f := range families {
		// Of two addresses, [::1] and 127.0.0.1, that of the client's family is taken.
		server := serve(t, x.proxy, harness.Address{Transport: harness.TCP6, Network: "tcp", Text: "[::]:0"}, sayPeer)
		for _, ip := range []string{"::1", "127.0.0.1"} {
			x.proxy.TakeReplies(t, portOn(ip, server))
		}
		proxy := x.start(t, p, f.on(f.near), "--transparent", "*:"+server.Port())
		expectPeer(dialFrom(t, x.client, proxy), f.client)
	}
	for _, test := range []struct {
		from, to family
		says     string
	}{{v4, v6, "is IPv4"}, {v6, v4, "is IPv6"}} {
		server := serve(t, x.target, test.to.on(test.to.target), sayPeer)
		proxy := x.start(t, p, test.from.on(test.from.near), "--transparent", server.Target())
		dialFrom(t, x.client, proxy).ExpectGone()
		proxy.AwaitLine(`cannot reach the target.*the client's address, which --transparent keeps, ` + test.says)
	}
}
