package conformance

import (
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// Connections one side of which has ended its stream, at the limit: they make room for new
// clients.
var halfOpenCases = []Case{
	{
		Name:   "half-open/makes-room",
		Shows:  "at --connections-max= a new client gets the place of the half-open connection that has been silent longest, once that is 2 s, and the others stay",
		Except: notOriginal("it refuses the client"),
		Run:    endedInCrews(halfOpenMakesRoom),
	},
	{
		Name:   "half-open/as-many",
		Shows:  "at --connections-max= as many clients wait as there are half-open connections, and others are refused at once",
		Except: notOriginal("it refuses them all"),
		Run:    overCrews(halfOpenAsMany),
	},
	{
		Name:   "half-open/moves",
		Shows:  "at --connections-max= a half-open connection on which bytes still move stays, and the client that waited for its place is refused",
		Except: notOriginal("it refuses the client at once"),
		Run:    endedInCrews(halfOpenMoves),
	},
	{
		Name:   "half-open/undelivered",
		Shows:  "at --connections-max= a half-open connection that still has bytes to deliver stays, even if they do not move",
		Except: notOriginal("it refuses the client"),
		Run:    overEach(directions, endedStream, halfOpenUndelivered),
	},
}

// endedInCrews makes what a case runs of what runs with each crew and each stream ended.
func endedInCrews(run func(t *testing.T, p *harness.Program, workers string, d direction)) func(*testing.T, *harness.Program) {
	return overCrews(func(t *testing.T, p *harness.Program, workers string) {
		each(t, directions, endedStream, func(t *testing.T, d direction) { run(t, p, workers, d) })
	})
}

// giveUpAfter is crew.GiveUpAfter.
const giveUpAfter = 2 * time.Second

// endedStream names which stream of a half-open connection has ended.
func endedStream(d direction) string { return "ended " + d.String() }

// halfOpen is a connection one side of which has ended its stream.
type halfOpen struct {
	ended, other *harness.Conn
	since        time.Time // a moment before
}

// endOne makes a connection half-open.
func endOne(d direction, client, far *harness.Conn) halfOpen {
	h := halfOpen{since: time.Now()}
	h.ended, h.other = d.ends(client, far)
	h.ended.EndWriting()
	h.other.ExpectEnd()
	acknowledge(h.ended)
	acknowledge(h.other)
	return h
}

// awaitKnown waits until the program has noted that a side has ended, which it does before
// it forwards what the other side sends then.
func (h halfOpen) awaitKnown() {
	h.other.SendText("after the end")
	h.ended.ExpectText("after the end")
	acknowledge(h.ended)
}

// acknowledge has the kernel answer at once for what has arrived, an end included. It may
// take its time, and as long as it does the sender does not know that all is delivered.
func acknowledge(c *harness.Conn) {
	c.Control(func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
}

// comesIn dials, and is let in.
func comesIn(t *testing.T, proxy *harness.Proxy, accepted <-chan *harness.Conn) {
	t.Helper()
	client, far := join(t, proxy, accepted)
	client.SendText("let in")
	far.ExpectText("let in")
}

// turnedAway dials, and is refused.
func turnedAway(t *testing.T, proxy *harness.Proxy) {
	t.Helper()
	client := proxy.Dial(t)
	client.SetDeadline(time.Now().Add(harness.Patience)) // or who is let in would hear nothing for long
	client.ExpectGone()
}

func halfOpenMakesRoom(t *testing.T, p *harness.Program, workers string, d direction) {
	const apart = 300 * time.Millisecond // in which a worker gets to note that a side has ended
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy, metrics := startTold(t, p, harness.Unix, target.Target(), workers, "-c3")
	var all []halfOpen
	for range 3 {
		client, far := join(t, proxy, accepted)
		all = append(all, halfOpen{ended: client, other: far})
	}
	for i := range all {
		if i > 0 {
			<-time.After(apart) // that is the case
		}
		all[i] = endOne(d, all[i].ended, all[i].other)
	}
	for i, h := range all[:2] {
		comesIn(t, proxy, accepted)
		if after := time.Since(h.since); after < giveUpAfter*9/10 { // its clock has ticks
			t.Errorf("let in when nobody had been silent for longer than %v", after)
		}
		awaitReset(t, "who had ended", h.ended)
		awaitReset(t, "the other side", h.other)
		for _, later := range all[i+1:] {
			if wasReset(later.ended) || wasReset(later.other) {
				t.Error("another one was reset")
			}
		}
	}
	last := all[2]
	last.other.SendText("still in")
	last.ended.ExpectText("still in")
	wantOwn(t, harness.Scrape(t, metrics), map[string]float64{
		"connections": 3, "connections_accepted_total": 5, "connections_given_up_total": 2,
		`connections_refused_total{reason="limit"}`: 0,
	})
	proxy.AwaitLine(`connection limit reached, resetting a connection.*limit=3\b`)
}

func halfOpenAsMany(t *testing.T, p *harness.Program, workers string) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy, metrics := startTold(t, p, harness.Unix, target.Target(), workers, "-c3")
	for range 2 {
		join(t, proxy, accepted)
	}
	client, far := join(t, proxy, accepted)
	half := endOne(toTarget, client, far)
	half.awaitKnown()
	// Which of the two waits is up to the workers.
	in := make(chan bool, 2)
	proxy.Pause()
	for range 2 {
		newcomer := proxy.Dial(t)
		go func() { in <- isLetIn(newcomer) }()
	}
	proxy.Signal(syscall.SIGCONT)
	next(t, accepted).SendText("!")
	if first, second := <-in, <-in; first == second {
		t.Errorf("both clients were let in: %v", first)
	}
	awaitReset(t, "the half-open connection", half.other)
	proxy.AwaitLine("^connection limit reached, resetting")
	var told []string
	for _, line := range proxy.Lines() {
		if what, ok := strings.CutPrefix(line, "connection limit reached, "); ok {
			told = append(told, strings.Fields(what)[0])
		}
	}
	if want := []string{"refusing", "resetting"}; !slices.Equal(told, want) {
		t.Errorf("it was %q, want %q", told, want)
	}
	turnedAway(t, proxy)
	wantOwn(t, harness.Scrape(t, metrics), map[string]float64{
		"connections": 3, "connections_accepted_total": 4, "connections_given_up_total": 1,
		`connections_refused_total{reason="limit"}`: 2,
	})
}

// halfOpenMoves has a connection on which bytes move, and then one beside it that is silent.
func halfOpenMoves(t *testing.T, p *harness.Program, workers string, d direction) {
	const pause = 20 * time.Millisecond // far less than what counts as silence
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy, metrics := startTold(t, p, harness.Unix, target.Target(), workers, "-c2")
	client, far := join(t, proxy, accepted)
	moving := endOne(d, client, far)
	over, quiet := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(quiet)
		for {
			moving.other.SendText("x")
			moving.ended.ExpectText("x")
			select {
			case <-over:
				return
			case <-time.After(pause):
				if t.Failed() {
					return
				}
			}
		}
	}()
	client, far = join(t, proxy, accepted)
	silent := endOne(d, client, far)
	silent.awaitKnown()
	comesIn(t, proxy, accepted)
	awaitReset(t, "the silent one", silent.other)
	turnedAway(t, proxy) // after crew.doorTime
	close(over)
	<-quiet
	wantOwn(t, harness.Scrape(t, metrics), map[string]float64{
		"connections": 2, "connections_given_up_total": 1, `connections_refused_total{reason="limit"}`: 1,
	})
}

func halfOpenUndelivered(t *testing.T, p *harness.Program, d direction) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "-c1")
	client, far := join(t, proxy, accepted)
	half := endOne(d, client, far)
	sent := fillUp(t, half.other)
	turnedAway(t, proxy)
	if n, err := io.CopyN(io.Discard, half.ended, sent); err != nil {
		t.Errorf("after %d of %d bytes: %v", n, sent, err)
	}
}
