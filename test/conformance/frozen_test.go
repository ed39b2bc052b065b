package conformance

import (
	"net"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// A program that is stopped for longer than a limit, as containers are paused: what has
// come in time counts, though nobody has looked at it.
var frozenCases = []Case{
	{
		Name:   "frozen/idle",
		Shows:  "what clients and targets sent while the program was stopped for longer than --idle-timeout= is forwarded",
		Except: notOriginal("no --idle-timeout="),
		Run:    overCrews(frozenIdle),
	},
	{
		Name:   "frozen/connect",
		Shows:  "a target that answered while the program was stopped for longer than --connect-timeout= is connected to, and none of its other addresses is",
		Except: notOriginal("no --connect-timeout="),
		Run:    overCrews(frozenConnect),
	},
	{
		Name:   "frozen/header",
		Shows:  "a client whose PROXY header came while the program was stopped for longer than a header may take is served",
		Except: notOriginal("no --accept-proxy-protocol"),
		Run:    overCrews(frozenHeader),
	},
}

// frozen is how many connections each case has: the order of events may be luck.
const frozen = 6

func frozenIdle(t *testing.T, p *harness.Program, workers string) {
	for _, limit := range []time.Duration{4 * time.Second, harness.Patience / 2} {
		if frozenFor(t, p, workers, limit) {
			return
		}
	}
	t.Skip("the machine takes as long as the limit to connect a few clients")
}

// frozenFor stops the program for longer than the limit. It reports false if the limit may
// have passed before that, as it may where the machine has much else to do.
func frozenFor(t *testing.T, p *harness.Program, workers string, limit time.Duration) bool {
	stop := limit + time.Second
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), workers, "--idle-timeout="+limit.String())
	var clients, fars []*harness.Conn
	began := time.Now()
	for range frozen {
		client, far := join(t, proxy, accepted)
		clients, fars = append(clients, client), append(fars, far)
	}
	proxy.Pause()
	if time.Since(began) >= limit {
		proxy.Signal(syscall.SIGCONT)
		return false
	}
	for i, client := range clients {
		if i%2 == 0 {
			client.SendText("a request")
		} else {
			fars[i].SendText("a message")
		}
	}
	<-time.After(stop)
	proxy.Signal(syscall.SIGCONT)
	for i, client := range clients {
		if i%2 == 0 {
			fars[i].ExpectText("a request")
			fars[i].SendText("an answer")
			client.ExpectText("an answer")
		} else {
			client.ExpectText("a message")
		}
	}
	return true
}

// frozenConnect has a target of two addresses of which the first does not answer before the
// program is stopped, and answers then; and the second never does.
func frozenConnect(t *testing.T, p *harness.Program, workers string) {
	const limit = 4 * time.Second
	x := newCrossing(t)
	v4, v6 := families[0], families[1]
	reached := make(chan struct{}, frozen)
	first := serve(t, x.proxy, v6.on(v6.loopback), func(c *harness.Conn) {
		reached <- struct{}{}
		harness.Echo(c)
	})
	second := serve(t, x.proxy, harness.Address{Transport: v4.transport, Network: "tcp4", Text: net.JoinHostPort(v4.loopback, first.Port())}, harness.Echo)
	x.proxy.DropConnects(t, endpoint(second))
	dropped, stop := x.proxy.DropConnects(t, endpoint(first))
	proxy := x.start(t, p, v4.on(v4.near), workers, "--connect-timeout="+limit.String(), "*:"+first.Port())
	proxy.AwaitLine("^forwarding: ")
	began := time.Now()
	var clients []*harness.Conn
	for range frozen {
		client := dialFrom(t, x.client, proxy)
		client.SendText("a request")
		clients = append(clients, client)
	}
	harness.Until(t, "the connects to be under way", func() bool { return dropped() >= frozen })
	proxy.Pause()
	stop()
	harness.Until(t, "the connects to be answered", func() bool { return len(reached) == frozen })
	<-time.After(time.Until(began.Add(limit + limit/8)))
	proxy.Signal(syscall.SIGCONT)
	for _, client := range clients {
		client.ExpectText("a request")
	}
}

func frozenHeader(t *testing.T, p *harness.Program, workers string) {
	const stop = 5500 * time.Millisecond // connection.HeaderTime is 5 s
	target := harness.Serve(t, harness.Unix, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{workers, "--accept-proxy-protocol", target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	proxy.AwaitLine("^forwarding: ")
	before := proxy.Sockets()
	var clients []*harness.Conn
	for range frozen {
		clients = append(clients, proxy.Dial(t))
	}
	harness.Until(t, "the clients to be accepted", func() bool { return proxy.Sockets() >= before+frozen })
	proxy.Pause()
	for i, client := range clients {
		client.SendText("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
		if i%2 == 0 { // the others send that later
			client.SendText("a request")
		}
	}
	<-time.After(stop)
	proxy.Signal(syscall.SIGCONT)
	for i, client := range clients {
		if i%2 > 0 {
			client.SendText("a request")
		}
		client.ExpectText("a request")
	}
}
