package connection

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
)

// begun is a worker with a connection on its way to a target, on which nothing fails by
// chance.
func begun(t *testing.T, to string, timeouts forward.Timeouts, blind int) (*fake, *fakeTransfer) {
	t.Helper()
	f := newFake(t, 1, to, &forward.Policy{Timeouts: timeouts})
	f.lucky, f.rings, f.blind, f.Tight = true, true, blind, false
	f.Accepted(f.Listener(0), f.socket("client"))
	return f, f.transfers[0]
}

// later lets time pass.
func (f *fake) later(d time.Duration) {
	f.time += forward.Tick(d / time.Millisecond)
	f.ReadClock()
	f.GoOff()
}

// fail ends a connect under way.
func (f *fake) fail(c *fakeTransfer, errno syscall.Errno) {
	c.connecting = false
	f.Connected(&c.Connection, errno)
}

func (f *fake) expect(c *fakeTransfer, state State, lookups int) {
	f.t.Helper()
	if c.State != state || len(f.lookups) != lookups {
		f.t.Fatalf("%v, after %d lookups; want %v, after %d", c.State, len(f.lookups), state, lookups)
	}
}

// answers are two addresses, and one of them.
func answers(t *testing.T) (both, first forward.Answer) {
	t.Helper()
	to, err := target.Parse("*:80")
	if err != nil {
		t.Fatal(err)
	}
	addresses, _ := to.Literal()
	return forward.Answer{Addresses: addresses}, forward.Answer{Addresses: addresses[1:], Partial: true}
}

// TestAnswerTwice has two lookups of a connection answered together, the first of which
// had been given up: only what the second says counts.
func TestAnswerTwice(t *testing.T) {
	both, _ := answers(t)
	short := forward.Answer{Err: unix.EMFILE}
	for _, test := range []struct {
		first, second forward.Answer
		want          State
	}{{short, both, Connecting}, {both, short, WaitingForDescriptor}} {
		f, c := begun(t, "back.test:80", forward.Timeouts{Connect: time.Second, Retry: time.Hour}, 0)
		f.later(2 * time.Second) // it takes too long
		f.later(2 * time.Second) // and is asked for again
		f.expect(c, Resolving, 2)
		f.lookups[0].done(test.first)
		f.lookups[1].done(test.second)
		f.TakeAll()
		f.expect(c, test.want, 2)
	}
}

// TestAnswerTooLate has an answer for a connection that has been given up and still has an
// operation in flight.
func TestAnswerTooLate(t *testing.T) {
	f, c := begun(t, "back.test:80", forward.Timeouts{Connect: time.Second}, 0)
	c.inFlight++
	f.later(2 * time.Second)
	both, _ := answers(t)
	f.lookups[0].done(both)
	f.TakeAll()
	if c.State != Resolving || !c.Finished() || c.connecting {
		t.Errorf("%v, finished %v, connecting %v", c.State, c.Finished(), c.connecting)
	}
}

// TestAnswerInParts has the addresses of one family first: the others are asked for once
// those are of no use.
func TestAnswerInParts(t *testing.T) {
	f, c := begun(t, "back.test:80", forward.Timeouts{Connect: time.Second}, 0)
	both, first := answers(t)
	f.lookups[0].done(first)
	f.TakeAll()
	f.expect(c, Connecting, 1)
	f.fail(c, unix.ECONNREFUSED)
	f.expect(c, Resolving, 2)
	if !f.lookups[1].whole {
		t.Error("the second lookup is not of the whole")
	}
	f.lookups[1].done(both)
	f.TakeAll()
	f.expect(c, Connecting, 2)
	if *c.Dial.Current() != both.Addresses[0] {
		t.Errorf("tries %v, want %v", c.Dial.Current(), both.Addresses[0])
	}
	f.fail(c, unix.ECONNREFUSED)
	f.expect(c, Free, 2)
}

// TestNoMoreAnswers has nothing more come for addresses of one family that were of no use.
func TestNoMoreAnswers(t *testing.T) {
	f, c := begun(t, "back.test:80", forward.Timeouts{Connect: time.Second}, 0)
	_, first := answers(t)
	f.lookups[0].done(first)
	f.TakeAll()
	f.fail(c, unix.ECONNREFUSED)
	f.lookups[1].done(forward.Answer{Err: errors.New("server misbehaving")})
	f.TakeAll()
	f.expect(c, Free, 2)
	if f.Counts.Failed.Load() != 1 {
		t.Errorf("%d failed, want 1", f.Counts.Failed.Load())
	}
}

// TestShortageTakesNoTime has a client wait for a descriptor for longer than the target may
// take: that is not the target's fault, nor the resolver's.
func TestShortageTakesNoTime(t *testing.T) {
	f, c := begun(t, "back.test:80", forward.Timeouts{Connect: time.Second}, 0)
	f.lookups[0].done(forward.Answer{Err: unix.EMFILE})
	f.TakeAll()
	f.later(time.Hour)
	f.expect(c, WaitingForDescriptor, 1)
	f.shortage.timer.(*fakeTimer).expire()
	f.expect(c, Resolving, 2)
	f.later(2 * time.Second)
	f.expect(c, Free, 2)
}

// TestShortageWhileConnecting has no memory left for a connect: the address is tried again.
func TestShortageWhileConnecting(t *testing.T) {
	f, c := begun(t, "127.0.0.1:80", forward.Timeouts{}, 0)
	f.expect(c, Connecting, 0)
	for _, errno := range []syscall.Errno{unix.ENOMEM, unix.ENOBUFS} {
		f.fail(c, errno)
		f.expect(c, WaitingForDescriptor, 0)
		f.shortage.timer.(*fakeTimer).expire()
		f.expect(c, Connecting, 0)
	}
}

// TestClientThatCannotBeWatched has no memory to watch a client, whose target is there: it
// waits for that, and its target is not blamed.
func TestClientThatCannotBeWatched(t *testing.T) {
	for _, retry := range []time.Duration{0, time.Hour} {
		f, c := begun(t, "127.0.0.1:80", forward.Timeouts{Retry: retry}, 1)
		f.expect(c, WaitingForDescriptor, 0)
		f.shortage.timer.(*fakeTimer).expire()
		f.expect(c, Connecting, 0)
		f.fail(c, 0)
		f.expect(c, Forwarding, 0)
		if n := f.Counts.Failed.Load() + f.Counts.Retried.Load(); n != 0 || !c.watched {
			t.Errorf("the target has failed %d times; watched %v", n, c.watched)
		}
	}
}

// TestOutOfMemory has no memory for what slow peers have not taken: each connection is
// reset for that, and the log does not tell of each.
func TestOutOfMemory(t *testing.T) {
	f, c := begun(t, "127.0.0.1:80", forward.Timeouts{}, 0)
	for n := 1; ; n++ {
		f.fail(c, 0)
		f.OutOfMemory(c.ToClient(), 1, unix.ENOMEM)
		f.Settle(&c.Connection)
		f.expect(c, Free, 0)
		if n == 20 {
			break
		}
		f.Accepted(f.Listener(0), f.socket("client"))
	}
	if n := f.times("out-of-memory"); n != 20 || f.Counts.Broken.Load() != 20 {
		t.Errorf("%d connections were reset for want of memory, want 20", n)
	}
	if n := f.times("no memory to hold what a slow peer has not taken, resetting the connection"); n != 5 {
		t.Errorf("%d lines tell of that, want 5", n)
	}
}
