package ring

import (
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/ring/uring"
)

// startEngine runs an engine on the real kernel in front of a target and returns
// the address it listens on.
func startEngine(t *testing.T, to string) string {
	t.Helper()
	listener, err := activation.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := target.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := New(&forward.Policy{
		Routes:   []forward.Route{{Listener: listener, Target: parsed}},
		Limits:   forward.Limits{Connections: 10, BufferSize: forward.DefaultBufferSize},
		Gate:     forward.NewGate(10, nil),
		Resolver: forward.NewResolver(),
		Log:      slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EPERM) || errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("no io_uring here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- engine.Run() }()
	t.Cleanup(func() {
		engine.Stop()
		if err := <-ended; err != nil {
			t.Errorf("the engine ended with %v", err)
		}
		listener.Close()
	})
	return listener.Address
}

// TestNoAllocationPerMessage counts heap allocations of the whole process while
// messages go back and forth through the engine.
func TestNoAllocationPerMessage(t *testing.T) {
	const messages = 20000
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
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
	client, err := net.Dial("tcp", startEngine(t, server.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
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
	// Each message is forwarded twice; the runtime itself allocates a little.
	if n := after.Mallocs - before.Mallocs; n > messages/100 {
		t.Errorf("%d heap allocations for %d messages", n, 2*messages)
	}
}

// brokenKernel fails as a ring does whose descriptor has been closed.
type brokenKernel struct{}

func (brokenKernel) Enter(uint32, uint32, time.Duration) (uint32, syscall.Errno) {
	return 0, syscall.EBADF
}

// TestRingFaultIsFatal checks that the event loop ends with the error instead of
// spinning, also when the fault is found in the middle of a batch.
func TestRingFaultIsFatal(t *testing.T) {
	for _, entries := range []uint32{1, 8} {
		s := &simulation{t: t, rng: rand.New(rand.NewPCG(1, 0)), sockets: make(map[int]*simSocket)}
		w := newModelWorker(t, s, bufpool.Config{Count: 4, Size: 100})
		w.ring, _ = uring.NewSimulated(uring.Config{Entries: entries, CQEntries: 16}, brokenKernel{})
		if err := w.run(); !errors.Is(err, syscall.EBADF) {
			t.Errorf("with %d entries the event loop ended with %v", entries, err)
		}
		w.release()
	}
}
