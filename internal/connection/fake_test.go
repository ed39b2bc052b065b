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
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/statistics"
	"uring-socket-proxyd/internal/target"
)

// fake is a worker without a kernel: an engine, and sockets, whose every answer comes of a
// seed, or of the test. It fails the test on what a kernel would punish.
type fake struct {
	Keeper
	t   *testing.T
	rng *rand.Rand

	transfers []*fakeTransfer
	closings  []func() // of sockets, which are under way
	timers    []*fakeTimer
	lookups   []lookup
	open      map[int]string // descriptors, and what each is
	nextFD    int
	time      forward.Tick
	closed    int // lines of connections that are over

	saying sync.Mutex     // what was left out of the log is said by a timer, as the seconds pass
	said   map[string]int // lines of the log, and outcomes

	rings bool // it has operations in flight, as a ring does; else all is over at once
	lucky bool // nothing fails by chance
	short int  // so many sockets cannot be opened, for want of descriptors
	blind int  // so many clients cannot be watched, for want of memory
}

type fakeTransfer struct {
	Connection
	halves     [2]Half
	connecting bool // a connect is under way
	timedOut   bool // ... and is being given up
	inFlight   int  // other operations
	forwards   int  // times that its bytes were to be moved
	holds      bool
}

type lookup struct {
	whole bool
	done  func(forward.Answer)
}

type fakeTimer struct {
	running bool
	fire    func()
}

func (t *fakeTimer) Running() bool       { return t.running }
func (t *fakeTimer) Start(time.Duration) { t.running = true }
func (t *fakeTimer) expire() {
	if t.running {
		t.running = false
		t.fire()
	}
}

// newFake is a worker that serves a target.
func newFake(t *testing.T, seed uint64, to string, policy *forward.Policy) *fake {
	t.Helper()
	there, err := target.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, rng: rand.New(rand.NewPCG(seed, 0)), open: make(map[int]string), nextFD: 1 << 20, said: make(map[string]int)}
	policy.Routes = []forward.Route{{Listener: &activation.Listener{FD: NoFD, Family: unix.AF_INET}, Target: there}}
	policy.Limits = forward.Limits{Connections: 64, BufferSize: 4 << 10, Descriptors: math.MaxInt32, Passed: policy.Limits.Passed}
	policy.Workers, policy.Gate, policy.Resolver = 1, forward.NewGate(64, nil), f
	policy.Log, policy.LogConnections = slog.New(f), true
	f.Init(policy, forward.NewCrew(policy), 0, fakeSockets{f}, f)
	f.Clock = func() forward.Tick { return f.time }
	if err := f.Prepare(); err != nil {
		t.Fatal(err)
	}
	f.Crew.Join(f)
	for !f.Listener(0).Accepting {
		f.AcceptAgain(f.Listener(0))
		f.Listener(0).timer.(*fakeTimer).expire()
	}
	t.Cleanup(f.Box.Close)
	return f
}

// Lookup implements forward.Resolver.
func (f *fake) Lookup(_ target.Target, whole bool, done func(forward.Answer)) {
	f.lookups = append(f.lookups, lookup{whole, done})
}

// times is how often something has been said.
func (f *fake) times(what string) int {
	f.saying.Lock()
	defer f.saying.Unlock()
	return f.said[what]
}

// Handle implements slog.Handler: it counts what is said.
func (f *fake) Handle(_ context.Context, record slog.Record) error {
	f.saying.Lock()
	defer f.saying.Unlock()
	if record.Message == "connection closed" {
		f.closed++
		record.Attrs(func(a slog.Attr) bool {
			if a.Key == "outcome" {
				f.said[a.Value.String()]++
			}
			return true
		})
	} else {
		f.said[record.Message]++
	}
	return nil
}
func (f *fake) Enabled(context.Context, slog.Level) bool { return true }
func (f *fake) WithAttrs([]slog.Attr) slog.Handler       { return f }
func (f *fake) WithGroup(string) slog.Handler            { return f }

// What forward.Member wants beside the Keeper.
func (f *fake) Sample() statistics.Sample { return statistics.Sample{} }

// chance is true once in n times, if anything may fail.
func (f *fake) chance(n int) bool { return !f.lucky && f.rng.IntN(n) == 0 }

func (f *fake) socket(what string) int {
	f.nextFD++
	f.open[f.nextFD] = what
	return f.nextFD
}

// The engine.

func (f *fake) NewSlot() *Connection {
	c := &fakeTransfer{}
	c.Bind(&c.halves[0], &c.halves[1])
	f.transfers = append(f.transfers, c)
	return &c.Connection
}

func (f *fake) Begin(of *Connection) {
	c := f.of(of)
	if c.connecting || c.inFlight > 0 {
		f.t.Fatalf("slot %d is used again while its connect, or %d operations, are under way", c.Slot, c.inFlight)
	}
	c.forwards, c.holds = 0, false
}

func (f *fake) of(c *Connection) *fakeTransfer { return f.transfers[c.Slot] }
func (f *fake) NewTimer(fire func()) Timer {
	f.timers = append(f.timers, &fakeTimer{fire: fire})
	return f.timers[len(f.timers)-1]
}
func (f *fake) Accept(*Listener) error {
	if f.chance(50) {
		return unix.ENOMEM
	}
	return nil
}
func (f *fake) StopAccepting(l *Listener) { l.Accepting = false }
func (f *fake) DropPipes() bool           { return f.chance(4) }
func (f *fake) WatchLeaving(*Connection)  {}
func (f *fake) AwaitHeader(*Connection)   {}
func (f *fake) NotForLong(*Half)          {}
func (f *fake) Receives(h *Half) bool     { return !h.Done }
func (f *fake) Holds(c *Connection) bool  { return f.of(c).holds }
func (f *fake) LetGo(h *Half)             {}
func (f *fake) PeerGone(h *Half)          { f.EndForNobody(h.Opposite(), f.of(h.Connection).holds) }

// Proceed is called where a half goes on that was closing descriptors, or has failed.
func (f *fake) Proceed(h *Half) {
	if h.Closing && !h.Failed || h.Connection.State != Forwarding {
		f.t.Fatalf("%v, closing %v: there is nothing to go on with", h.Connection.State, h.Closing)
	}
	if h.Failed && !h.Done {
		f.PassedOn(h) // all has been sent
		f.EndHalf(h)
	}
	f.Settle(h.Connection)
}

func (f *fake) Watch(*Connection) error {
	if f.blind > 0 || f.chance(20) {
		f.blind--
		return unix.ENOMEM
	}
	return nil
}

func (f *fake) Open(_ *Connection, address *target.Address) (int, error) {
	if f.short > 0 || f.chance(20) {
		f.short--
		return NoFD, unix.EMFILE
	}
	return f.socket("target"), nil
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
	f.TakeEarly(c)
	f.Count(c.ToTarget(), len(f.TakePrologue(c)))
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
