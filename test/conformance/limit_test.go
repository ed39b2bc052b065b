package conformance

import (
	"syscall"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var limitCases = []Case{
	{
		Name:   "limit/exact",
		Shows:  "--connections-max=N admits N, closes the next one at once, and admits another when one has ended",
		Except: older("it lets N+1 in"),
		Run:    limitExact,
	},
	{
		Name:   "limit/refusal-logged",
		Shows:  "a refused connection leaves a line in the log that names the limit",
		Except: original("a line, without the limit"),
		Run:    limitLogged,
	},
	{
		Name:  "limit/default-256",
		Shows: "without the option, 256 connections are admitted",
		Run:   limitDefault,
	},
	{
		Name:   "limit/reset-flood",
		Shows:  "hundreds of clients that have reset by the time they are accepted take no places from those that come in between",
		Except: notOriginal("what it does is a matter of chance"),
		Run:    overCrews(limitResetFlood),
	},
}

const limit = 5

// fill makes as many connections as the program lets in at a limit of 5.
func fill(t *testing.T, p *harness.Program, proxy *harness.Proxy, accepted <-chan *harness.Conn) (clients, fars []*harness.Conn) {
	t.Helper()
	lets := limit
	if p == harness.Original {
		lets++ // it compares before it adds
	}
	for range lets {
		client, far := join(t, proxy, accepted)
		clients, fars = append(clients, client), append(fars, far)
	}
	return clients, fars
}

func limitExact(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--connections-max=5")
	clients, fars := fill(t, p, proxy, accepted)
	for range 3 {
		proxy.Dial(t).ExpectGone()
	}
	clients[0].Close()
	fars[0].ExpectEnd()
	fars[0].Close()
	// The place is free a moment after both ends are closed.
	harness.Until(t, "a place to become free", func() bool {
		client := proxy.Dial(t)
		if _, err := client.Write([]byte("in?")); err != nil {
			return false
		}
		answered := make(chan bool, 1)
		go func() {
			n, _ := client.Read(make([]byte, 1))
			answered <- n == 1
		}()
		select {
		case far := <-accepted:
			far.ExpectText("in?")
			far.SendText("!")
			return <-answered
		case in := <-answered:
			client.Close()
			return in
		}
	})
	proxy.Dial(t).ExpectGone()
	for i := range clients[1:] {
		clients[i+1].SendText("still in")
		fars[i+1].ExpectText("still in")
	}
	if len(accepted) > 0 {
		t.Errorf("%d more connections than that reached the target", len(accepted))
	}
}

func limitLogged(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "-c5")
	fill(t, p, proxy, accepted)
	proxy.Dial(t).ExpectGone()
	if p.IsOurs() {
		proxy.AwaitLine(`connection limit.*limit=5\b`)
	} else {
		proxy.AwaitLine(`Hit connection limit`)
	}
}

func limitDefault(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	proxy := harness.StartProxy(t, p, harness.Unix, target.Target())
	for range 256 {
		join(t, proxy, accepted)
	}
	if p != harness.Original {
		proxy.Dial(t).ExpectGone()
	}
}

// limitResetFlood lets them come while the program is stopped, as a flood is ahead of one
// that takes a whole backlog at a time.
func limitResetFlood(t *testing.T, p *harness.Program, workers string) {
	const rounds, between, resets = 3, 3, 100
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy, metrics := startTold(t, p, harness.Unix, target.Target(), workers, "-c24")
	for range rounds {
		proxy.Pause()
		var clients []*harness.Conn
		for range between {
			for range resets {
				proxy.Dial(t).Reset()
			}
			clients = append(clients, proxy.Dial(t))
		}
		proxy.Signal(syscall.SIGCONT)
		for _, client := range clients {
			client.SendText("hello")
			client.ExpectText("hello")
			client.Close()
		}
		metricsAtRest(t, metrics)
	}
	wantOwn(t, harness.Scrape(t, metrics), map[string]float64{`connections_refused_total{reason="limit"}`: 0})
}
