package ring

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
)

// lookups is a resolver of which a test gives the answers.
type lookups struct{ asked []lookup }

type lookup struct {
	whole bool
	done  func(forward.Answer)
}

// Lookup implements forward.Resolver.
func (l *lookups) Lookup(_ target.Target, whole bool, done func(forward.Answer)) {
	l.asked = append(l.asked, lookup{whole, done})
}

// shortOf has no descriptor for the first sockets that are opened, and counts the others.
type shortOf struct {
	*simulation
	refused, opened int
}

func (s *shortOf) Open(int, int) (int, error) {
	if s.refused > 0 {
		s.refused--
		return -1, unix.EMFILE
	}
	s.opened++
	return s.socket(nil).fd, nil
}

// resolving is a worker with a connection that waits for the resolver.
func resolving(t *testing.T, timeouts forward.Timeouts) (*worker, *connection, *lookups, *shortOf) {
	t.Helper()
	s := &simulation{t: t, rng: rand.New(rand.NewPCG(1, 0)), sockets: make(map[int]*simSocket), nextFD: firstFD}
	w := newModelWorker(t, s, bufpool.Config{Count: 4, Size: 100})
	t.Cleanup(w.release)
	names, opened := &lookups{}, &shortOf{simulation: s}
	w.sockets, w.tight, w.timed = opened, false, true
	w.policy.Resolver, w.policy.Timeouts = names, timeouts
	w.policy.ProxyProtocol, w.policy.Outbound = forward.ProxyProtocol{}, forward.Outbound{}
	to, err := target.Parse("back.test:80")
	if err != nil {
		t.Fatal(err)
	}
	route := &w.policy.Routes[0]
	route.Target = to
	w.crew.Admit(forward.Client{Route: route}, 0, &w.counters)
	slot, c := w.connections.Allocate()
	c.begin(slot, route, s.socket(nil).fd)
	w.resolve(c)
	return w, c, names, opened
}

// answers are two addresses, one of each family.
func answers(t *testing.T) (both, first forward.Answer) {
	t.Helper()
	to, err := target.Parse("*:80")
	if err != nil {
		t.Fatal(err)
	}
	addresses, _ := to.Literal()
	return forward.Answer{Addresses: addresses}, forward.Answer{Addresses: addresses[1:], Partial: true}
}

// hear runs what has come by the inbox.
func (w *worker) hear() {
	messages, _ := w.inbox.Take()
	for _, message := range messages {
		message()
	}
}

// TestAnswerTwice has two lookups of a connection answered together, the first of which
// had been given up, while there is no descriptor for a moment.
func TestAnswerTwice(t *testing.T) {
	w, c, names, opened := resolving(t, forward.Timeouts{Connect: time.Second, Retry: time.Hour})
	w.elapsed(&c.alarm) // takes too long
	w.elapsed(&c.alarm) // asks again
	if len(names.asked) != 2 {
		t.Fatalf("%d lookups, want 2", len(names.asked))
	}
	both, _ := answers(t)
	opened.refused = 1
	for _, lookup := range names.asked {
		lookup.done(both)
	}
	w.hear()
	w.goOn()
	if opened.opened != 1 || c.state != stateConnecting || c.inLine || len(w.postponed) != 0 {
		t.Errorf("%d sockets were opened, want 1; state %d, in line %v", opened.opened, c.state, c.inLine)
	}
}

// TestAnswerTooLate has an answer for a connection that has been given up and still has a
// poll in flight.
func TestAnswerTooLate(t *testing.T) {
	w, c, names, opened := resolving(t, forward.Timeouts{Connect: time.Second})
	w.watch(&c.toTarget)
	w.elapsed(&c.alarm)
	both, _ := answers(t)
	names.asked[0].done(both)
	w.hear()
	if opened.opened != 0 || !c.finished() || c.inFlight != 1 {
		t.Errorf("%d sockets were opened, want none; state %d, finished %v, %d in flight", opened.opened, c.state, c.finished(), c.inFlight)
	}
}

// TestAnswerInParts has the addresses of one family first: the others are asked for once
// those are of no use.
func TestAnswerInParts(t *testing.T) {
	w, c, names, opened := resolving(t, forward.Timeouts{Connect: time.Second})
	both, first := answers(t)
	names.asked[0].done(first)
	w.hear()
	refuse := func(errno syscall.Errno) {
		c.connecting = false
		c.inFlight--
		w.connectFailed(c, errno)
	}
	if len(names.asked) != 1 || *c.dial.Current() != first.Addresses[0] {
		t.Fatalf("%d lookups, trying %v; want 1 and %v", len(names.asked), c.dial.Current(), first.Addresses[0])
	}
	refuse(unix.ECONNREFUSED)
	if len(names.asked) != 2 || !names.asked[1].whole || c.state != stateResolving {
		t.Fatalf("%d lookups, state %d; want a second, of the whole", len(names.asked), c.state)
	}
	names.asked[1].done(both)
	w.hear()
	if opened.opened != 2 || c.state != stateConnecting || *c.dial.Current() != both.Addresses[0] {
		t.Fatalf("%d sockets were opened, state %d, trying %v; want 2, for %v", opened.opened, c.state, c.dial.Current(), both.Addresses[0])
	}
	refuse(unix.ECONNREFUSED)
	if len(names.asked) != 2 || !c.finished() || c.state != stateFree {
		t.Errorf("%d lookups, state %d; want 2, and the end", len(names.asked), c.state)
	}
}

// TestNoMoreAnswers has nothing more come for addresses of one family that were of no use.
func TestNoMoreAnswers(t *testing.T) {
	w, c, names, _ := resolving(t, forward.Timeouts{Connect: time.Second})
	_, first := answers(t)
	names.asked[0].done(first)
	w.hear()
	c.connecting = false
	c.inFlight--
	w.connectFailed(c, unix.ECONNREFUSED)
	names.asked[1].done(forward.Answer{Err: errors.New("server misbehaving")})
	w.hear()
	if len(names.asked) != 2 || c.state != stateFree || w.counters.Failed.Load() != 1 {
		t.Errorf("%d lookups, state %d, %d failed; want 2 and the end", len(names.asked), c.state, w.counters.Failed.Load())
	}
}
