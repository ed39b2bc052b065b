package conformance

import (
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var streamCases = []Case{
	{
		Name:  "stream/client-leaves-early",
		Shows: "what a client sent before it left reaches a target that accepts only afterwards",
		Run:   clientLeavesEarly,
	},
	{
		Name:  "stream/single-bytes",
		Shows: "5,000 writes of one byte arrive in order, each way",
		Run:   singleBytes,
	},
	{
		Name:   "stream/out-of-band",
		Shows:  "TCP urgent data is passed on in line with the bytes around it",
		Except: original("the connection stalls at the urgent byte"),
		Run:    outOfBand,
	},
	{
		Name:  "stream/ping-pong",
		Shows: "2,000 requests and replies take turns on one connection",
		Run:   pingPong,
	},
}

func clientLeavesEarly(t *testing.T, p *harness.Program) {
	listening := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	proxy := harness.StartProxy(t, p, harness.TCP4, listening.Target())
	client := proxy.Dial(t)
	client.SendText("farewell")
	client.Close()
	script, accepted := harness.Hand()
	harness.ServeOn(t, listening, script)
	far := <-accepted
	far.ExpectText("farewell")
	far.ExpectEnd()
	echoes(t, proxy, accepted)
}

// echoes checks that a proxy still serves: the test plays the target.
func echoes(t *testing.T, proxy *harness.Proxy, accepted <-chan *harness.Conn) {
	t.Helper()
	client := proxy.Dial(t)
	client.SendText("still there?")
	far := <-accepted
	far.ExpectText("still there?")
	far.SendText("yes")
	client.ExpectText("yes")
}

func singleBytes(t *testing.T, p *harness.Program) {
	const n = 5000
	data := harness.Random(harness.Seed(t), 0, n)
	dribble := func(c *harness.Conn) {
		for i := range data {
			c.Send(data[i : i+1])
		}
	}
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		c.Expect(data)
		dribble(c)
	})
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	client := proxy.Dial(t)
	dribble(client)
	client.Expect(data)
}

func outOfBand(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	client := proxy.Dial(t)
	client.SendText("before")
	far := <-accepted
	far.ExpectText("before")
	client.SendOutOfBand('!')
	client.SendText("after")
	if !p.IsOurs() {
		// splice(2) never gets past the urgent mark (tcp_read_sock in the
		// kernel).
		client.AwaitDelivered()
		harness.Stays(t, "stalled", settle, func() bool { return far.Readable() == 0 })
		return
	}
	far.ExpectText("!after")
	client.EndWriting()
	far.ExpectEnd()
}

func pingPong(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.Unix, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	client := proxy.Dial(t)
	data := harness.Random(harness.Seed(t), 0, 4096)
	for i := range 2000 {
		message := data[:1+i*7%len(data)]
		client.Send(message)
		client.Expect(message)
		if t.Failed() {
			t.Fatalf("at message %d of %d bytes", i, len(message))
		}
	}
}
