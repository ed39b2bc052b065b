package conformance

import (
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var halfCloseCases = []Case{
	{
		Name:   "half-close/by-client",
		Shows:  "a client that has shut down its write side still gets the reply",
		Except: older("the reply is lost"),
		Run:    overEach(pairs, pair.String, halfCloseByClient),
	},
	{
		Name:   "half-close/by-target",
		Shows:  "a target that has shut down its write side still receives",
		Except: older("what the client sends then is lost"),
		Run:    overEach(pairs, pair.String, halfCloseByTarget),
	},
	{
		Name:  "half-close/after-data",
		Shows: "the end comes after all bytes that were sent before it, however many",
		Run:   endAfterData,
	},
	{
		Name:  "half-close/nothing-sent",
		Shows: "a connection that carries no byte reaches the target and ends",
		Run:   nothingSent,
	},
}

// pair is a listener's transport and a target's.
type pair struct{ from, to harness.Transport }

func (p pair) String() string { return string(p.from) + " to " + string(p.to) }

// pairs has each kind of socket on each side.
var pairs = []pair{{harness.TCP4, harness.TCP4}, {harness.Unix, harness.TCP4}, {harness.TCP4, harness.Unix}, {harness.Abstract, harness.Abstract}}

func halfCloseByClient(t *testing.T, p *harness.Program, by pair) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, by.to, script)
	proxy := harness.StartProxy(t, p, by.from, target.Target())
	client := proxy.Dial(t)
	client.SendText("question")
	client.EndWriting()
	far := <-accepted
	far.ExpectText("question")
	far.ExpectEnd()
	if p == harness.Original {
		client.ExpectGone() // before anything could be answered
		return
	}
	far.SendText("answer")
	far.EndWriting()
	client.ExpectText("answer")
	client.ExpectEnd()
}

func halfCloseByTarget(t *testing.T, p *harness.Program, by pair) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, by.to, script)
	proxy := harness.StartProxy(t, p, by.from, target.Target())
	client := proxy.Dial(t)
	client.SendText("hello")
	far := <-accepted
	far.ExpectText("hello")
	far.SendText("greeting")
	far.EndWriting()
	client.ExpectText("greeting")
	client.ExpectEnd()
	if p == harness.Original {
		far.ExpectGone()
		return
	}
	client.SendText("last words")
	client.EndWriting()
	far.ExpectText("last words")
	far.ExpectEnd()
}

// endAfterData sends more than the buffers on the way hold and ends at once.
func endAfterData(t *testing.T, p *harness.Program) {
	const size = 12 << 20
	seed := harness.Seed(t)
	received := make(chan error, 1)
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		received <- harness.NewPattern(seed, 0).Check(c, size)
	})
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	client := proxy.Dial(t)
	if err := harness.NewPattern(seed, 0).SendTo(client, size, nil); err != nil {
		t.Fatal(err)
	}
	client.EndWriting()
	if err := <-received; err != nil {
		t.Error(err)
	}
	client.ExpectEnd()
}

func nothingSent(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	client := proxy.Dial(t)
	client.EndWriting()
	far := <-accepted
	far.ExpectEnd()
	far.Close()
	client.ExpectEnd()
}
