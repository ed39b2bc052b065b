package ring

import (
	"flag"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/resolver"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/ring/uring"
	"uring-socket-proxyd/test/lib/figures"
)

var (
	modelSeed = flag.Uint64("model.seed", 0, "replay one seed of TestModel")
	modelRuns = flag.Int("model.runs", 300, "seeds that TestModel tries for each kind of kernel")
)

// modelSteps is how many steps are tried at least for each kind of kernel.
const modelSteps = 1_000_000

// TestModel runs the worker on simulated kernels of many seeds and checks that
// no byte is lost, duplicated or reordered, that ends and resets arrive as such,
// and that every descriptor, buffer and slot comes back.
func TestModel(t *testing.T) {
	kinds := []struct {
		name  string
		pool  bufpool.Config
		limit bool
	}{
		{"unbounded recv", bufpool.Config{Count: 8, Size: 1500}, false},
		{"bounded recv", bufpool.Config{Count: 8, Size: 1500}, true},
		{"bounded recv, large buffers", bufpool.Config{Count: 4, Size: 8192}, true},
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			steps, late, badHeaders, delivered, refusals, lies := 0, 0, 0, 0, 0, make(map[string]int)
			for run := 0; run < *modelRuns || steps < modelSteps && *modelSeed == 0; run++ {
				seed := *modelSeed
				if seed == 0 {
					seed = uint64(time.Now().UnixNano()) + uint64(run)
				}
				s := runModel(t, seed, kind.pool, kind.limit)
				steps, late, badHeaders = steps+s.steps, late+s.late, badHeaders+s.badHeaders
				delivered, refusals = delivered+s.delivered, refusals+s.refusals
				for lie, n := range s.lies {
					lies[lie] += n
				}
				if t.Failed() {
					t.Fatalf("replay with -run 'TestModel/%s' -args -model.runs=1 -model.seed=%d", kind.name, seed)
				}
				if *modelSeed != 0 {
					break
				}
			}
			t.Logf("%d steps, %d late completions, %d bad headers, descriptors passed %d times and lost %d times", steps, late, badHeaders, delivered, refusals)
			if late == 0 && *modelSeed == 0 {
				t.Error("no completion came late")
			}
			if badHeaders == 0 && *modelSeed == 0 {
				t.Error("no client had a bad header")
			}
			if (delivered == 0 || refusals == 0) && *modelSeed == 0 {
				t.Error("no descriptor was passed on, or none was lost")
			}
			for _, lie := range allLies {
				t.Logf("%7d times: %s", lies[lie], lie)
				if lies[lie] == 0 && *modelSeed == 0 {
					t.Errorf("never: %s", lie)
				}
			}
			figures.Count("steps", int64(steps))
		})
	}
}

// runModel plays one seed.
func runModel(t *testing.T, seed uint64, shape bufpool.Config, limit bool) *simulation {
	t.Helper()
	s := &simulation{
		t: t, rng: rand.New(rand.NewPCG(seed, 0)), limit: limit, clients: 18, nextFD: firstFD,
		sockets: make(map[int]*simSocket), stopAt: math.MaxInt, lies: make(map[string]int), seenIdle: make(map[*simSocket]bool),
	}
	s.noSplice = []int{0, 10, 100}[s.rng.IntN(3)]
	s.lingering = s.rng.IntN(4) == 0
	if s.rng.IntN(4) == 0 {
		s.stopAt = s.rng.IntN(5000)
	}
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	time.AfterFunc(0, func() {}) // for the first one the runtime opens descriptors of its own
	before := descriptors(t)
	w := newModelWorker(t, s, shape)
	if err := w.Run(); err != nil {
		t.Fatal(err)
	}
	s.stopped = s.stopped || !s.stopping // as all that were there were dormant
	w.Crew.End(0)
	s.check()
	w.Release()
	if after := descriptors(t); after > before { // fewer: of an earlier test
		t.Errorf("%d descriptors are open, %d were before: a pipe was lost", after, before)
	}
	if s.worker.Counts.Stale.Load() > uint64(s.late) {
		t.Errorf("%d completions were taken for late ones, %d were", s.worker.Counts.Stale.Load(), s.late)
	}
	figures.Count("seeds", 1)
	return s
}

// descriptors is the number of descriptors that are open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func newModelWorker(t *testing.T, s *simulation, shape bufpool.Config) *worker {
	t.Helper()
	to, err := target.Parse("*:80") // two addresses
	if err != nil {
		t.Fatal(err)
	}
	policy := &forward.Policy{
		Routes:  []forward.Route{{Listener: &activation.Listener{FD: 3, Family: unix.AF_INET}, Target: to}},
		Limits:  forward.Limits{Connections: 6, BufferSize: 4096, Descriptors: math.MaxInt32},
		Workers: 1,

		LogConnections: true,
	}
	log := slog.New(newLedger())
	services := &crew.Services{Log: log, Reports: report.New(log, policy), Gate: crew.NewGate(6, nil)}
	w := &worker{
		sockets: s, closesAtOnce: s.rng.IntN(2) == 0,
		acceptMultishot: true, recvMultishot: true, recvLimit: s.limit, splices: true, sizes: smallSizes, lowWater: policy.Limits.BufferSize / 2,
	}
	if s.rng.IntN(2) == 0 {
		policy.Timeouts = forward.Timeouts{Connect: 20 * time.Millisecond, Idle: []time.Duration{time.Hour, 200 * time.Millisecond, 2 * time.Second}[s.rng.IntN(3)], Retry: time.Duration(s.rng.IntN(2)) * time.Second}
	}
	policy.BusyPoll = time.Duration(s.rng.IntN(2))
	w.Init(policy, services, crew.New(policy, services), 0, s, w)
	w.Waits, w.FirstWay, w.Tuning = true, firstWay(s.limit), smallTuning
	w.Clock = s.clock
	if w.Backlogs.Time > 0 {
		w.Backlogs.Time = []time.Duration{time.Nanosecond, connection.BacklogTime}[s.rng.IntN(2)]
	}
	s.useProxyProtocol(w)
	s.useOutbound(w)
	s.usePassing(w)
	w.Tight = s.rng.IntN(2) == 0
	w.acceptMultishot = !w.Tight
	w.ring, s.queues = uring.NewSimulated(uring.Config{Entries: 8, CQEntries: 16}, s)
	s.worker = w
	if w.pool, err = bufpool.New(shape, s); err != nil {
		t.Fatal(err)
	}
	if err := w.prepare(); err != nil {
		t.Fatal(err)
	}
	w.Crew.Join(w)
	return w
}

// smallTuning is small enough for what the simulated peers send.
var (
	smallSizes  = sizes{bulk: 1400, message: 300, maxPieces: 4}
	smallTuning = connection.Tuning{SmallSplice: 300, MessagesAfter: 3, TurnBytes: 5000}
)

// check looks at the end state of every connection, and at what is left over.
func (s *simulation) check() {
	for len(s.closings) > 0 {
		s.closeSome()
	}
	s.checkNoneLeft()
	s.checkClosed()
	s.lies["a connection given up at the limit"] += int(s.worker.Counts.GivenUp.Load())
	s.lies["a connection that stood idle"] += int(s.worker.Counts.TimedOut.Load())
	for _, pair := range s.connected {
		s.checkGreeting(pair)
		if pair.target == nil {
			continue // refused, or unreachable
		}
		s.checkStream(pair.client, pair.target, "client to target")
		s.checkStream(pair.target, pair.client, "target to client")
	}
	if n := s.worker.pool.Available(); n != int(s.bufferMask)+1 {
		s.t.Errorf("%d of %d buffers came back", n, s.bufferMask+1)
	}
	if n := s.worker.pool.Parked(); n != 0 {
		s.t.Errorf("%d bytes are still parked", n)
	}
	if n := s.worker.watches.deaf; n != 0 {
		s.t.Errorf("%d connections still count as deaf", n)
	}
	if n := s.worker.Gate.Current(); n != 0 {
		s.t.Errorf("the gate still counts %d connections", n)
	}
	s.checkAccounts()
}

// TestStaleCompletion hands the worker a completion of a connection that is gone
// while another has its slot.
func TestStaleCompletion(t *testing.T) {
	s := &simulation{t: t, rng: rand.New(rand.NewPCG(1, 0)), sockets: make(map[int]*simSocket), lies: make(map[string]int)}
	w := newModelWorker(t, s, bufpool.Config{Count: 4, Size: 100})
	defer w.Release()
	c := begun(w, s)
	old := c.userData(opRecvClient)
	w.Abort(&c.Connection)
	c = begun(w, s)
	s.queues.Post(uring.CQE{UserData: uint64(old), Res: 10, Flags: 2<<16 | 1})
	w.ring.Reap(w.handle)
	if n := w.Counts.Stale.Load(); n != 1 {
		t.Errorf("%d stale completions were counted, not 1", n)
	}
	if c.toTarget.Held != 0 {
		t.Error("the slot's new connection got bytes of the old one")
	}
	if n := w.pool.Available(); n != 4 {
		t.Errorf("%d of 4 buffers are with the kernel", n)
	}
}

// TestStaleTurn gives a turn to a stream that is gone while another connection has its
// slot.
func TestStaleTurn(t *testing.T) {
	s := &simulation{t: t, rng: rand.New(rand.NewPCG(1, 0)), sockets: make(map[int]*simSocket), lies: make(map[string]int), nextFD: firstFD}
	w := newModelWorker(t, s, bufpool.Config{Count: 4, Size: 100})
	defer w.Release()
	c := begun(w, s)
	c.State, c.Target = connection.Forwarding, connection.Side{FD: s.socket(nil).fd, TCP: true}
	w.stream(&c.toTarget)
	w.Abort(&c.Connection)
	c = begun(w, s)
	w.Advance()
	if w.Streaming() || c.inFlight != 0 || c.toTarget.Reading.InFlight() {
		t.Errorf("the slot's new connection got the turn: some in line %v, %d in flight", w.Streaming(), c.inFlight)
	}
}

// silent is a resolver that does not answer.
type silent struct{}

// Lookup implements resolver.Resolver.
func (silent) Lookup(target.Target, bool, func(resolver.Answer)) {}

// begun is a new connection, in the first slot, which waits for such a resolver.
func begun(w *worker, s *simulation) *transfer {
	to, err := target.Parse("back.test:80")
	if err != nil {
		s.t.Fatal(err)
	}
	w.Tight, w.Policy.ProxyProtocol, w.Resolver = false, forward.ProxyProtocol{}, silent{}
	client := crew.Client{Route: &w.Policy.Routes[0], FD: s.socket(nil).fd}
	client.Route.Target, client.Route.Listener.Family = to, unix.AF_INET
	w.Crew.Admit(client, w.Index, &w.Counts)
	w.Take(client)
	return w.transfers[0]
}
