package connection

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/resolver"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/internal/wheel"
)

// fake is a worker without a kernel: an engine, and sockets, whose every answer comes of a
// seed, or of the test. It fails the test on what a kernel would punish.
type fake struct {
	Keeper
	t   *testing.T
	rng *rand.Rand

	transfers []*fakeTransfer
	closings  []func() // of sockets, which are under way
	lookups   []lookup
	open      map[int]string // descriptors, and what each is
	nextFD    int
	time      wheel.Tick
	said      ledger

	rings bool // it has operations in flight, as a ring does; else all is over at once
	lucky bool // nothing fails by chance
	short int  // so many sockets cannot be opened, for want of descriptors
	blind int  // so many clients cannot be watched, for want of memory

	saying int16 // what polls say if nothing fails by chance
}

type fakeTransfer struct {
	Connection
	halves     [2]Half
	connecting bool // a connect is under way
	timedOut   bool // ... and is being given up
	inFlight   int  // other operations
	forwards   int  // times that its bytes were to be moved
}

type lookup struct {
	whole bool
	done  func(resolver.Answer)
}

// newFake is a worker that serves a target.
func newFake(t *testing.T, seed uint64, to string, policy *forward.Policy) *fake {
	t.Helper()
	there, err := target.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, rng: rand.New(rand.NewPCG(seed, 0)), open: make(map[int]string), nextFD: 1 << 20, said: ledger{of: make(map[string]int)}}
	policy.Routes = []forward.Route{{Listener: &activation.Listener{FD: NoFD, Family: unix.AF_INET}, Target: there}}
	policy.Limits = forward.Limits{Connections: 64, BufferSize: 4 << 10, Descriptors: math.MaxInt32, Passed: policy.Limits.Passed}
	policy.Workers, policy.LogConnections = 1, true
	log := slog.New(&f.said)
	services := &crew.Services{Log: log, Reports: report.New(log, policy), Gate: crew.NewGate(64, nil), Resolver: f}
	f.Init(policy, services, crew.New(policy, services), 0, fakeSockets{f}, f)
	f.Clock = func() wheel.Tick { return f.time }
	if err := f.Prepare(); err != nil {
		t.Fatal(err)
	}
	f.Crew.Join(f)
	for !f.Listener(0).Accepting {
		f.AcceptAgain(f.Listener(0))
		f.Listener(0).timer.Expire()
	}
	t.Cleanup(f.Box.Close)
	return f
}

// Lookup implements resolver.Resolver.
func (f *fake) Lookup(_ target.Target, whole bool, done func(resolver.Answer)) {
	f.lookups = append(f.lookups, lookup{whole, done})
}

// ledger counts lines of the log, and outcomes of connections. Some come from the goroutine
// of a throttle.
type ledger struct {
	mu sync.Mutex
	of map[string]int
}

// Handle implements slog.Handler.
func (l *ledger) Handle(_ context.Context, record slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[record.Message]++
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "outcome" {
			l.of[a.Value.String()]++
		}
		return true
	})
	return nil
}

func (l *ledger) Enabled(context.Context, slog.Level) bool { return true }
func (l *ledger) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *ledger) WithGroup(string) slog.Handler            { return l }

// count is how many there were.
func (l *ledger) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[what]
}

// chance is true once in n times, if anything may fail.
func (f *fake) chance(n int) bool { return !f.lucky && f.rng.IntN(n) == 0 }

func (f *fake) socket(what string) int {
	f.nextFD++
	f.open[f.nextFD] = what
	return f.nextFD
}

// The engine.

func (f *fake) Begin(slot uint32) *Connection {
	if int(slot) == len(f.transfers) {
		f.transfers = append(f.transfers, &fakeTransfer{})
	}
	c := f.transfers[slot]
	if c.connecting || c.inFlight > 0 {
		f.t.Fatalf("slot %d is used again while its connect, or %d operations, are under way", c.Slot, c.inFlight)
	}
	c.Bind(&c.halves[0], &c.halves[1])
	c.forwards = 0
	return &c.Connection
}

func (f *fake) of(c *Connection) *fakeTransfer { return f.transfers[c.Slot] }
func (f *fake) Accept(*Listener) error {
	if f.chance(50) {
		return unix.ENOMEM
	}
	return nil
}
func (f *fake) StopAccepting(l *Listener)        { l.Accepting = false }
func (f *fake) StartTimer(*Timer, time.Duration) {}
func (f *fake) Looked()                          {}

// The test makes the rounds itself.
func (f *fake) Sleep(time.Duration) error        { panic("it sleeps") }
func (f *fake) Poll(time.Duration) (bool, error) { panic("it polls") }
func (f *fake) Handle() error                    { return nil }
func (f *fake) Turn(h *Half)                     { f.Proceed(h) }
func (f *fake) EndRound()                        {}

// LetGo ends what is held.
func (f *fake) LetGo(h *Half) { h.Held = 0 }

// Proceed is called where a half goes on that was closing descriptors, or has failed.
func (f *fake) Proceed(h *Half) {
	if h.Closing && h.Input != InputFailed || h.Connection.State != Forwarding {
		f.t.Fatalf("%v, closing %v: there is nothing to go on with", h.Connection.State, h.Closing)
	}
	if h.Input == InputFailed && !h.Done {
		f.passedOn(h) // all has been sent
		h.Held = 0
		f.EndHalf(h)
	}
	f.Settle(h.Connection)
}

func (f *fake) Watch(_ *Connection, what Watched) error {
	if what == ForErrors && (f.blind > 0 || f.chance(20)) {
		f.blind--
		return unix.ENOMEM
	}
	return nil
}

func (f *fake) Connect(c *Connection, progress Progress) error {
	switch {
	case f.chance(20):
		return []unix.Errno{unix.ENOMEM, unix.ENETUNREACH}[f.rng.IntN(2)]
	case progress == Done, !f.rings && f.chance(4):
		f.Reached(c)
	default:
		f.of(c).connecting = true
	}
	return nil
}

func (f *fake) TimeOut(c *Connection) {
	if f.rings {
		f.of(c).timedOut = true
		return
	}
	f.of(c).connecting = false
	f.ConnectFailed(c, unix.ETIMEDOUT)
}

// Forward moves some bytes at once.
func (f *fake) Forward(c *Connection) {
	t := f.of(c)
	if t.forwards++; t.forwards > 1 || f.open[c.Target.FD] != "target" {
		f.t.Fatalf("forwards for the %dth time to %q", t.forwards, f.open[c.Target.FD])
	}
	if prologue := f.TakePrologue(c); len(prologue) > 0 {
		c.ToTarget().Held += f.PutPrologue(c, prologue, make([]byte, 4<<10))
	}
}

func (f *fake) AtRest(c *Connection) bool {
	t := f.of(c)
	if !f.rings {
		t.connecting = false // the close of the socket has ended it
	}
	return !t.connecting && t.inFlight == 0
}

func (f *fake) Close(fd int) {
	if f.open[fd] == "" {
		f.t.Fatalf("descriptor %d is closed twice", fd)
	}
	delete(f.open, fd)
}

// live are the connections that are not over.
func (f *fake) live() []*fakeTransfer {
	return slices.DeleteFunc(slices.Clone(f.transfers), func(c *fakeTransfer) bool { return c.State == Free })
}
