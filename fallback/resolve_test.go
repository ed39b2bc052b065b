package fallback

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
)

// lookups is a resolver of which a test gives the answers.
type lookups struct{ asked []func(forward.Answer) }

// Lookup implements forward.Resolver.
func (l *lookups) Lookup(_ target.Target, _ bool, done func(forward.Answer)) {
	l.asked = append(l.asked, done)
}

// TestAnswerTwice has two lookups of a connection answered together, the first of which
// had been given up: only what the second says counts, that there is no descriptor or that
// there is an address.
func TestAnswerTwice(t *testing.T) {
	listening, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listening.Close()
	there, err := target.Parse(listening.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	addresses, _ := there.Literal()
	short, found := forward.Answer{Err: unix.EMFILE}, forward.Answer{Addresses: addresses}

	w, c, names := resolving(t)
	names.asked[0](short)
	names.asked[1](found)
	w.hear()
	if c.inLine || len(w.postponed) > 0 || c.target.fd == noFD || c.dial.Next() != nil {
		t.Errorf("the address is not tried at once: in line %v, target %d", c.inLine, c.target.fd)
	}

	w, c, names = resolving(t)
	names.asked[0](found)
	names.asked[1](short)
	w.hear()
	if !c.inLine || len(w.postponed) != 1 || c.target.fd != noFD {
		t.Errorf("the connection does not wait for a descriptor: in line %v, target %d", c.inLine, c.target.fd)
	}
}

// hear runs what has come by the inbox.
func (w *worker) hear() {
	messages, _ := w.inbox.Take()
	for _, message := range messages {
		message()
	}
}

// resolving is a worker with a connection that has asked the resolver twice.
func resolving(t *testing.T) (*worker, *connection, *lookups) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	to, err := target.Parse("back.test:80")
	if err != nil {
		t.Fatal(err)
	}
	names := &lookups{}
	policy := &forward.Policy{
		Routes:   []forward.Route{{Listener: &activation.Listener{FD: noFD, Family: unix.AF_UNIX}, Target: to}},
		Limits:   forward.Limits{Connections: 1, BufferSize: 4 << 10},
		Timeouts: forward.Timeouts{Connect: time.Second, Retry: time.Hour},
		Workers:  1,
		Gate:     forward.NewGate(1, nil),
		Resolver: names,
		Log:      slog.New(slog.DiscardHandler),
	}
	crew := forward.NewCrew(policy)
	w, err := newWorker(policy, crew, 0)
	if err != nil {
		t.Fatal(err)
	}
	crew.Join(w)
	t.Cleanup(func() {
		w.Stop()
		w.release()
		unix.Close(pair[1])
	})
	route := &policy.Routes[0]
	client := forward.Client{Route: route, FD: pair[0]}
	crew.Admit(client, 0, &w.counters)
	w.take(client)
	c := w.connections.At(0)
	w.elapsed(&c.alarm) // takes too long
	w.elapsed(&c.alarm) // asks again
	if len(names.asked) != 2 {
		t.Fatalf("%d lookups, want 2", len(names.asked))
	}
	return w, c, names
}
