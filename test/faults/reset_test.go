package faults

import (
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// resetState is a state in which a connection can be reset by either side.
type resetState struct {
	name    string
	args    func(p *harness.Program) []string
	spliced bool // in which pipes hold bytes
	prepare func(client, far *end)
}

var resetStates = []resetState{
	{name: "idle", prepare: func(*end, *end) {}},
	{name: "streaming-to-target", prepare: func(client, far *end) { flows(client, far) }},
	{name: "streaming-to-client", prepare: func(client, far *end) { flows(far, client) }},
	{name: "streaming-both-ways", prepare: func(client, far *end) {
		flows(client, far)
		flows(far, client)
	}},
	{name: "spliced-to-stuck-target", spliced: true, prepare: func(client, far *end) { stuckStream(client, far) }},
	{name: "spliced-to-stuck-client", spliced: true, prepare: func(client, far *end) { stuckStream(far, client) }},
	{name: "parked-for-target", args: parkingArgs, prepare: func(client, _ *end) { parked(client) }},
	{name: "parked-for-client", args: parkingArgs, prepare: func(_, far *end) { parked(far) }},
	{name: "stuck-both-ways", prepare: func(client, far *end) {
		client.send(endless)
		far.send(endless)
		client.awaitStuck()
		far.awaitStuck()
	}},
	{name: "half-closed-by-client", prepare: func(client, far *end) { halfCloses(client, far) }},
	{name: "half-closed-by-target", prepare: func(client, far *end) { halfCloses(far, client) }},
	{name: "half-closed-and-streaming-back", prepare: func(client, far *end) {
		halfCloses(client, far)
		flows(far, client)
	}},
	{name: "data-unread", prepare: func(client, far *end) {
		// A little, which arrives and stays in both peers' sockets.
		for _, e := range []*end{client, far} {
			if err := e.out.SendTo(e.Conn.Conn, 1000, nil); err != nil {
				e.t.Error(err)
			}
		}
		for _, e := range []*end{client, far} {
			harness.Until(e.t, "the bytes to arrive", func() bool { return e.Readable() == 1000 })
		}
	}},
}

// resetCases are those states, each reset by each side.
var resetCases = func() (all []Case) {
	for _, state := range resetStates {
		all = append(all, Case{
			Name:  "reset/" + state.name,
			Shows: "a reset by either side in this state reaches the other as one, after nothing but right bytes",
			Run:   func(t *testing.T, p *harness.Program) { resetIn(t, p, state) },
		})
	}
	return all
}()

// resets is how many connections each side resets in each state.
const resets = 2

// peerBuffers make a peer that does not read stuck early. Segments of loopback's size
// would not fit such buffers, and TCP would crawl.
var peerBuffers = harness.SocketOptions{ReceiveBuffer: 32 << 10, SendBuffer: 64 << 10, MaxSegment: 8 << 10}

func resetIn(t *testing.T, p *harness.Program, state resetState) {
	how := setting{limits: peerBuffers}
	if state.args != nil {
		how.options.Args = state.args(p)
	}
	s := set(t, p, how)
	held := 0 // bytes in pipes
	for i := range 2 * resets {
		client, far := s.joinEnds(peerBuffers)
		state.prepare(client, far)
		if state.spliced {
			s.rest(func() { held += s.piped() }) // with none of theirs
		}
		s.progress("before the reset")
		breaker, other := client, far
		if i%2 == 1 {
			breaker, other = far, client
		}
		breaker.Reset()
		injected(1)
		other.expectBroken()
		other.Close()
	}
	if state.spliced && held == 0 {
		t.Error("no pipe ever held anything: nothing was spliced")
	}
	s.end()
}

// flows has bytes move from one end to the other, and go on.
func flows(from, to *end) {
	from.send(endless)
	if to.reading == nil {
		to.read()
	}
	to.awaitReceived(1 << 20)
}

// stuckStream has an end send a stream that the other soon reads no more. As a rule a
// pipe holds what was taken of it.
func stuckStream(from, to *end) {
	from.send(endless)
	if err := to.in.CheckPart(to.Conn.Conn, 4<<20); err != nil {
		to.t.Error(err)
	}
	from.awaitStuck()
}

// parkingArgs make the program hold in its own memory what a peer does not take.
func parkingArgs(p *harness.Program) []string {
	if p.Name == harness.Epoll.Name {
		return []string{"--buffer-size=256K"}
	}
	return []string{"--buffer-size=1M", "--pool-size=1M", "--ring-features=-splice"}
}

// parked has an end send small pieces that nobody reads.
func parked(from *end) {
	from.send(700)
	from.awaitStuck()
}

// halfCloses has one end's stream end, and the other read that.
func halfCloses(from, to *end) {
	from.EndWriting()
	to.ExpectEnd()
	to.over = true
}
