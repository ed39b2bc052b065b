// Package workers runs the engines with several workers within the test's own
// process, on the real kernel, to check what cannot be seen from outside a
// program: a worker that hangs, one whose ring breaks, and whether anything is left
// behind when an engine ends under load.
package workers

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uring-socket-proxyd/fallback"
	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/resolver"
	"uring-socket-proxyd/internal/statistics"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/ring"
	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

const workers = 4

// patience is how long anything that must happen may take.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	// As the program does; see makeRoomFor there.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), workers+4))
	os.Exit(harness.Main(m))
}

// engines are what each test runs with.
var engines = map[string]func(*forward.Policy, *crew.Services) (forward.Engine, error){
	"uring": func(p *forward.Policy, s *crew.Services) (forward.Engine, error) { return ring.New(p, s, nil) },
	"epoll": func(p *forward.Policy, s *crew.Services) (forward.Engine, error) { return fallback.New(p, s) },
}

// running is an engine in front of an echo server.
type running struct {
	forward.Engine
	policy   *forward.Policy
	services *crew.Services
	address  string
	ended    chan error
}

// start runs an engine; adjust, if not nil, changes its services before.
func start(t *testing.T, name string, adjust func(*crew.Services)) *running {
	t.Helper()
	listener, err := activation.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	to, err := target.Parse(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	policy := &forward.Policy{
		Routes:  []forward.Route{{Listener: listener, Target: to}},
		Limits:  forward.Limits{Connections: 1000, BufferSize: 64 << 10, PoolSize: 1 << 20},
		Workers: workers,
	}
	services := &crew.Services{
		Log:      slog.New(slog.NewTextHandler(io.Discard, nil)),
		Gate:     crew.NewGate(1000, nil),
		Resolver: resolver.New(),
	}
	if adjust != nil {
		adjust(services)
	}
	services.Reports = report.New(services.Log, policy)
	engine, err := engines[name](policy, services)
	if err != nil {
		t.Skipf("the engine cannot be used here: %v", ring.Refusal(err))
	}
	r := &running{Engine: engine, policy: policy, services: services, address: listener.Address, ended: make(chan error, 1)}
	go func() { r.ended <- engine.Run() }()
	return r
}

// await returns what Run does.
func (r *running) await(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the engine does not end")
		return nil
	}
}

// echo returns the path of a UNIX socket whose connections echo.
func echo(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "px")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	server, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer c.Close()
				io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() {
		server.Close()
		open.Wait()
	})
	return server.Addr().String()
}

// flood has clients come and go until the context is over, or until nobody listens.
func flood(ctx context.Context, address string, echoed *atomic.Int64) *sync.WaitGroup {
	clients := new(sync.WaitGroup)
	for i := range 16 {
		clients.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				c, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				figures.Count("connections", 1)
				c.SetDeadline(time.Now().Add(time.Second))
				c.Write([]byte("x"))
				if n%3 > 0 {
					if got, _ := c.Read(make([]byte, 1)); got == 1 {
						echoed.Add(1)
					}
				}
				if n%2 > 0 {
					c.(*net.TCPConn).SetLinger(0)
				}
				c.Close()
			}
		})
	}
	return clients
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestNothingIsLeft ends engines in a flood of clients, which are handed from worker
// to worker just then.
func TestNothingIsLeft(t *testing.T) {
	for name := range engines {
		t.Run(name, func(t *testing.T) {
			for round := range 10 {
				t.Run("", func(t *testing.T) { endInAFlood(t, name, int64(round*30)) })
			}
		})
	}
}

func endInAFlood(t *testing.T, name string, after int64) {
	r := start(t, name, nil)
	before := descriptors(t)
	ctx, cancel := context.WithCancel(context.Background())
	var echoed atomic.Int64
	clients := flood(ctx, r.address, &echoed)
	for echoed.Load() < after {
		time.Sleep(100 * time.Microsecond)
	}
	r.Stop()
	err := r.await(t)
	counts := r.Counters()
	cancel()
	r.policy.Routes[0].Listener.Close() // turns away who waits there
	clients.Wait()
	if err != nil {
		t.Errorf("ended with %v", err)
	}
	if n := r.services.Gate.Current(); n != 0 {
		t.Errorf("the gate still counts %d connections", n)
	}
	if counts.Of[statistics.Accepted] < uint64(after) {
		t.Errorf("counted %d clients of %d", counts.Of[statistics.Accepted], after)
	}
	// Less the listener and what each worker has: an eventfd and a ring, or epoll
	// set. Targets close their ends when they see that ours is gone.
	want := before - 1 - 2*workers
	for end := time.Now().Add(patience); descriptors(t) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d descriptors are open, want %d", descriptors(t), want)
		}
	}
}

// TestIdleEnd asks engines to end if idle, again and again, while clients come and
// go. The one that ends must have served all it let in.
func TestIdleEnd(t *testing.T) {
	for name := range engines {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				r := start(t, name, nil)
				ctx, cancel := context.WithCancel(context.Background())
				var echoed atomic.Int64
				clients := flood(ctx, r.address, &echoed)
				for ended := false; !ended; {
					r.StopIfIdle()
					select {
					case err := <-r.ended:
						if err != nil {
							t.Error(err)
						}
						ended = true
					case <-time.After(100 * time.Microsecond):
					}
					if echoed.Load() > 100 {
						cancel() // now there will be a moment without a client
					}
				}
				cancel()
				r.policy.Routes[0].Listener.Close()
				clients.Wait()
				if n := r.services.Gate.Current(); n != 0 {
					t.Errorf("ended with %d connections", n)
				}
			}
		})
	}
}

// stuckLog is a log whose writer hangs at the first warning.
type stuckLog struct {
	slog.Handler
	reached, release chan struct{}
	once             *sync.Once
}

func (s stuckLog) Enabled(context.Context, slog.Level) bool { return true }
func (s stuckLog) Handle(_ context.Context, record slog.Record) error {
	if record.Level == slog.LevelWarn {
		s.once.Do(func() {
			close(s.reached)
			<-s.release
		})
	}
	return nil
}

// TestHungWorkerIsNoticed makes one worker hang, in writing to the log that it has
// refused a client, while the others go on.
func TestHungWorkerIsNoticed(t *testing.T) {
	const interval = 10 * time.Millisecond
	for name := range engines {
		t.Run(name, func(t *testing.T) {
			stuck := stuckLog{reached: make(chan struct{}), release: make(chan struct{}), once: new(sync.Once)}
			var kept atomic.Int64
			r := start(t, name, func(s *crew.Services) {
				s.Log = slog.New(stuck)
				s.Gate = crew.NewGate(1, nil)
				s.Heart = crew.NewHeart(interval, workers, func() { kept.Add(1) })
			})
			awaitKept := func(more int64) {
				t.Helper()
				want := kept.Load() + more
				for end := time.Now().Add(patience); kept.Load() < want; time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("%d keep-alives", kept.Load())
					}
				}
			}
			awaitKept(5)
			for range 2 {
				c, err := net.Dial("tcp", r.address)
				if err != nil {
					t.Fatal(err)
				}
				figures.Count("connections", 1)
				defer c.Close()
			}
			<-stuck.reached
			before := kept.Load()
			time.Sleep(25 * interval)
			// One it may have had its part in.
			if n := kept.Load() - before; n > 1 {
				t.Errorf("%d keep-alives while a worker hangs", n)
			}
			close(stuck.release)
			awaitKept(5)
			r.Stop()
			if err := r.await(t); err != nil {
				t.Error(err)
			}
		})
	}
}
