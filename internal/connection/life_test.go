package connection

import (
	"errors"
	"flag"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/proxyprotocol"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/resolver"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/internal/wheel"
)

var (
	lifeSeed  = flag.Uint64("life.seed", 0, "replay one seed of TestLife")
	lifeSteps = flag.Int("life.steps", 1_000_000, "steps that TestLife tries")
)

// TestLife leads the lives of many connections on engines that answer by a seed, in every
// order of events, and looks after each step that what a connection waits for can come,
// and in the end that nothing is left.
func TestLife(t *testing.T) {
	seed, seen, steps := uint64(time.Now().UnixNano()), new(ways), 0
	for ; steps < *lifeSteps; seed++ {
		if *lifeSeed != 0 {
			seed = *lifeSeed
		}
		t.Run("", func(t *testing.T) { steps += lead(t, seed, seen) })
		if t.Failed() {
			t.Fatalf("replay with -run TestLife -args -life.seed=%d", seed)
		}
		if *lifeSeed != 0 {
			return
		}
	}
	seen.check(t)
}

// lead plays one seed.
func lead(t *testing.T, seed uint64, seen *ways) (steps int) {
	f := newFake(t, seed, []string{"*:80", "back.test:80", "/run/target"}[seed%3], somePolicy(seed))
	f.rings = seed/2%2 == 0
	if seed%3 == 2 && seed/768%2 == 0 { // descriptors are passed on
		f.Policy.Routes[0].Listener.Family, f.Policy.Limits.Passed = unix.AF_UNIX, 1
	}
	f.Tight = f.rng.IntN(2) == 0
	f.Headers.Time = []time.Duration{0, time.Hour}[f.rng.IntN(2)]
	f.Backlogs.Time = []time.Duration{0, time.Nanosecond}[f.rng.IntN(2)]
	for clients, end := 12, 400+f.rng.IntN(2000); steps < end; steps++ {
		if clients > 0 && f.Listener(0).Accepting && f.rng.IntN(8) == 0 {
			clients--
			f.Accepted(f.Listener(0), f.socket("client"))
		}
		f.step()
		for _, c := range f.transfers {
			f.check(c)
		}
		if clients == 0 && len(f.live()) == 0 {
			break
		}
	}
	f.Stop()
	for i := 0; len(f.live())+len(f.closings) > 0 && i < 1000; i++ {
		f.step()
	}
	if !f.Over() {
		f.t.Fatal("the worker does not end")
	}
	f.checkEnd()
	seen.add(f.entered)
	return steps
}

func somePolicy(seed uint64) *forward.Policy {
	policy := &forward.Policy{}
	if seed/4%2 == 0 {
		policy.Timeouts = forward.Timeouts{Connect: 50 * time.Millisecond, Idle: time.Second, Retry: time.Duration(seed/8%2) * time.Second}
		policy.Keepalive = time.Duration(seed/16%2) * time.Second
	}
	policy.ProxyProtocol = forward.ProxyProtocol{Send: proxyprotocol.Version(seed / 32 % 3), Accept: seed/96%2 == 0}
	policy.Outbound = forward.Outbound{FastOpen: seed/192%2 == 0, Mark: uint32(seed / 384 % 2)}
	return policy
}

// step lets one thing happen.
func (f *fake) step() {
	switch f.rng.IntN(9) {
	case 0:
		f.time += wheel.Tick(f.rng.IntN(40))
		f.ReadClock()
		f.GoOff()
	case 1:
		f.timers[f.rng.IntN(len(f.timers))].Expire()
	case 2:
		if len(f.lookups) > 0 {
			i := f.rng.IntN(len(f.lookups))
			answer := f.lookups[i]
			f.lookups = slices.Delete(f.lookups, i, i+1)
			answer.done(f.answer())
		}
		f.TakeAll()
	case 3:
		if len(f.closings) > 0 {
			i := f.rng.IntN(len(f.closings))
			done := f.closings[i]
			f.closings = slices.Delete(f.closings, i, i+1)
			done()
		}
		f.TakeAll()
	default:
		if all := f.transfers; len(all) > 0 {
			f.happen(all[f.rng.IntN(len(all))])
		}
	}
}

func (f *fake) answer() resolver.Answer {
	there, err := target.Parse("*:80")
	if err != nil {
		f.t.Fatal(err)
	}
	addresses, _ := there.Literal()
	switch f.rng.IntN(6) {
	case 0:
		return resolver.Answer{Err: unix.EMFILE}
	case 1:
		return resolver.Answer{Err: errors.New("no such host")}
	case 2:
		return resolver.Answer{Addresses: addresses[1:], Partial: true}
	}
	return resolver.Answer{Addresses: addresses}
}

// happen lets something happen to a connection.
func (f *fake) happen(c *fakeTransfer) {
	switch {
	case c.State == Free:
	case c.connecting:
		f.endConnect(c)
	case c.inFlight > 0:
		c.inFlight--
		f.Settle(&c.Connection)
	case c.State == Greeting:
		f.ReadHeader(&c.Connection)
	case c.State.Awaits() && f.rng.IntN(50) == 0:
		f.Heard(c.ToTarget(), []int16{unix.POLLRDHUP, unix.POLLHUP, unix.POLLERR}[f.rng.IntN(3)])
	case c.State == Forwarding:
		f.move(c)
	}
}

func (f *fake) endConnect(c *fakeTransfer) {
	if c.State.Awaits() && f.rng.IntN(20) == 0 {
		c.Outcome.Note(report.ClientReset)
		f.Abort(&c.Connection)
		return
	}
	timedOut := c.timedOut
	c.connecting, c.timedOut = false, false
	switch {
	case c.Finished():
		f.Settle(&c.Connection)
	case timedOut:
		f.ConnectFailed(&c.Connection, unix.ETIMEDOUT)
	default:
		f.Connected(&c.Connection, f.one(0, 0, 0, unix.ECONNREFUSED, unix.ENOMEM, unix.ECONNRESET))
	}
}

// move lets one half of a connection that forwards go on.
func (f *fake) move(c *fakeTransfer) {
	h := c.ToTarget()
	if f.rng.IntN(2) == 0 {
		h = c.ToClient()
	}
	switch f.rng.IntN(11) {
	case 6:
		if !h.Closing && f.rng.IntN(4) == 0 {
			f.rewrite(h)
		}
	case 0, 1, 2:
		if !h.Done && h.Held > 0 {
			f.Sent(h, 1)
		} else if !h.Done && !h.Ended() {
			h.Held = f.rng.IntN(3)
		}
	case 8:
		if c.Passing && !h.Done && !h.Closing && len(h.Passed) == 0 {
			f.receivedPassing(h, 1, []int{f.socket("passed")}, []error{nil, nil, socket.ErrLost}[f.rng.IntN(3)])
		}
	case 9:
		if !h.Done && len(h.Passed) > 0 {
			f.passedOn(h)
		}
	case 10:
		switch f.rng.IntN(12) {
		case 4:
			f.Drop(h)
		case 0:
			f.DestinationFailed(h, f.one(unix.EPIPE, unix.ECONNRESET, unix.ETOOMANYREFS))
		case 1:
			f.peerMayBeGone(h)
		case 2:
			f.OutOfMemory(h, 1, unix.ENOMEM)
		case 3:
			f.GiveUp(h)
		}
	case 3:
		if f.rings && c.inFlight < 3 {
			c.inFlight++
		}
	case 4:
		if f.SourceEnded(h); !h.Done {
			f.passedOn(h) // all has been sent
			h.Held = 0
			f.EndHalf(h)
		}
	case 5:
		if f.rng.IntN(4) == 0 && !h.Done {
			f.sourceBroke(h)
		}
	case 7:
		f.LongestSilent()
		f.Heard(h, []int16{unix.POLLRDHUP, unix.POLLHUP, unix.POLLERR, unix.POLLERR | unix.POLLHUP}[f.rng.IntN(4)])
	}
	f.Settle(&c.Connection)
}

// check looks whether what a connection waits for can come, and nothing else.
func (f *fake) check(c *fakeTransfer) {
	inLine := slices.Contains(f.shortage.line, inLine{&c.Connection, c.Generation})
	expect := func(ok bool, what string) {
		if !ok {
			f.t.Fatalf("slot %d, %v, finished %v: %s", c.Slot, c.State, c.Finished(), what)
		}
	}
	if c.State == Free || c.State == Closing || c.Finished() {
		expect(c.State == Free || c.connecting || c.inFlight > 0 || c.closings > 0, "it is over, and nothing ends it")
		return
	}
	expect(f.open[c.Client.FD] == "client", "it has no client")
	expect(c.connecting == (c.State == Connecting), "a connect is under way, or not")
	expect(inLine == (c.State == WaitingForDescriptor), "it is in line, or not")
	expect(c.place.IsNowhere() == (c.State != WaitingForBacklog), "it is in a target's line, or not")
	expect((c.forwards > 0) == (c.State == Forwarding), "its bytes are moved, or not")
	switch c.State {
	case WaitingForDescriptor:
		expect(f.shortage.timer.Running(), "nobody tries again")
		expect(!f.Listener(0).Accepting, "the worker accepts others")
	case WaitingForBacklog:
		expect(f.Backlogs.timer.Running(), "nobody tries again")
		fallthrough
	case Connecting, Forwarding:
		expect(f.open[c.Target.FD] == "target", "it has no target")
	case Greeting:
		expect(f.Headers.timer.Running() || c.Prologue.Late, "nobody looks for its header")
	}
}

// checkEnd looks for what is left over.
func (f *fake) checkEnd() {
	served, ended := f.Counts.Served.Load(), f.Counts.Ended.Load()
	switch {
	case len(f.open) > 0:
		f.t.Fatalf("descriptors are left: %v", f.open)
	case served != ended, f.InUse() > 0, f.Gate.Current() > 0, uint64(f.said.count("connection closed")) != served:
		f.t.Fatalf("%d connections were served, %d have ended, %d are logged; %d slots and %d places are in use",
			served, ended, f.said.count("connection closed"), f.InUse(), f.Gate.Current())
	}
}
