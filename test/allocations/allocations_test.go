// Package allocations runs the engines within the test's own process, on the real
// kernel, and counts heap allocations while messages go through them.
package allocations

import (
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"uring-socket-proxyd/fallback"
	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/resolver"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/ring"
	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

func newUring(policy *forward.Policy, services *crew.Services) (forward.Engine, error) {
	return ring.New(policy, services, nil)
}

func newEpoll(policy *forward.Policy, services *crew.Services) (forward.Engine, error) {
	return fallback.New(policy, services)
}

// constructor makes an engine.
type constructor func(*forward.Policy, *crew.Services) (forward.Engine, error)

func TestUringAllocatesNothingPerMessage(t *testing.T) { allocatesNothing(t, newUring) }
func TestEpollAllocatesNothingPerMessage(t *testing.T) { allocatesNothing(t, newEpoll) }

// allocatesNothing sends messages back and forth, each of which is forwarded
// twice.
func allocatesNothing(t *testing.T, newEngine constructor) {
	const messages = 20000
	client, err := net.Dial("tcp", start(t, newEngine, echo(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	figures.Count("connections", 1)
	buffer := make([]byte, 64)
	exchange := func(n int) {
		for range n {
			if _, err := client.Write(buffer); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(client, buffer); err != nil {
				t.Fatal(err)
			}
		}
	}
	exchange(1000)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	exchange(messages)
	runtime.ReadMemStats(&after)
	// The runtime itself allocates a little now and then.
	if n := after.Mallocs - before.Mallocs; n > messages/100 {
		t.Errorf("%d heap allocations for %d forwarded messages", n, 2*messages)
	}
}

// start runs an engine in front of a target and returns where it listens.
func start(t *testing.T, newEngine constructor, to string) string {
	t.Helper()
	listener, err := activation.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	parsed, err := target.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	policy := &forward.Policy{
		Routes:  []forward.Route{{Listener: listener, Target: parsed}},
		Limits:  forward.Limits{Connections: 10, BufferSize: forward.DefaultBufferSize, PoolSize: forward.DefaultPoolSize},
		Workers: 1,
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	services := &crew.Services{Log: log, Reports: report.New(log, policy), Gate: crew.NewGate(10, nil), Resolver: resolver.New()}
	engine, err := newEngine(policy, services)
	if err != nil {
		t.Skipf("the engine cannot be used here: %v", ring.Refusal(err))
	}
	ended := make(chan error)
	go func() { ended <- engine.Run() }()
	t.Cleanup(func() {
		engine.Stop()
		if err := <-ended; err != nil {
			t.Errorf("the engine ended with %v", err)
		}
	})
	return listener.Address
}

// echo returns the address of a server that echoes on one connection.
func echo(t *testing.T) string {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		c, err := server.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buffer := make([]byte, 64)
		for {
			if _, err := io.ReadFull(c, buffer); err != nil {
				return
			}
			if _, err := c.Write(buffer); err != nil {
				return
			}
		}
	}()
	return server.Addr().String()
}
