package ring

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/ring/uring"
	"uring-socket-proxyd/test/lib/figures"
)

// TestEnterFails lets io_uring_enter(2) fail with each errno of its manual: those that
// pass cost nothing, the others end the engine with the reason.
func TestEnterFails(t *testing.T) {
	for want, errnos := range map[outcome][]syscall.Errno{
		served: {unix.EAGAIN, unix.EBUSY, unix.EINTR},
		fatal: {
			unix.EBADF, unix.EBADFD, unix.EEXIST, unix.EFAULT, unix.EINVAL, unix.ENXIO, unix.EOPNOTSUPP, unix.EPERM, unix.EOWNERDEAD,
		},
	} {
		for _, errno := range errnos {
			t.Run(errno.Error(), func(t *testing.T) { enterFails(t, errno, want) })
		}
	}
}

func enterFails(t *testing.T, errno syscall.Errno, want outcome) {
	var left atomic.Int64
	s := newStage(t, stageWith{hired: func(w *worker) {
		w.ring.InjectEnter(func() syscall.Errno {
			if left.Add(-1) >= 0 {
				return errno
			}
			return 0
		})
	}})
	c, err := s.dial()
	if err != nil {
		t.Fatal(err)
	}
	if err := echo(c, []byte("before")); err != nil {
		t.Fatal(err)
	}
	figures.Count("faults", 1)
	if want == fatal {
		left.Store(1)
		s.StopIfIdle() // wakes the worker
		if err := s.await(); !errors.Is(err, errno) {
			t.Errorf("the engine ended with %v", err)
		}
		if n, err := c.Read(make([]byte, 1)); n > 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client read %d bytes and %v, want a reset", n, err)
		}
		return
	}
	for range 10 {
		left.Store(5)
		if err := echo(c, []byte("in spite of it")); err != nil {
			t.Fatal(err)
		}
	}
	if err := message(s); err != nil {
		t.Error(err)
	}
}

// TestTinyRing gives a worker queues far too small for its connections: batches are
// split, completions overflow into the kernel's list, and nothing is lost.
func TestTinyRing(t *testing.T) {
	var w *worker
	s := newStage(t, stageWith{
		size:      uring.Config{Entries: 1, CQEntries: 2},
		selection: Selection{uring.FeatureDeferTaskrun.Toggle: false}, // completes as things happen
		hired:     func(made *worker) { w = made },
	})
	crowd(t, s, 100, 64<<10)
	s.settled(0)
	s.Stop()
	if err := s.await(); err != nil {
		t.Fatal(err)
	}
	stats := w.ring.Stats
	if stats.Overflows == 0 || stats.SQFull == 0 {
		t.Errorf("no overflow (%d) or no full submission queue (%d): the ring was not too small", stats.Overflows, stats.SQFull)
	}
	t.Logf("%+v", stats)
	figures.Count("faults", int64(stats.Overflows+stats.SQFull))
}

// TestEmptyPool gives a worker far too few buffers for its connections.
func TestEmptyPool(t *testing.T) {
	for name, selection := range map[string]Selection{
		"bounded recv":   nil,
		"unbounded recv": {uring.FeatureRecvLimit.Toggle: false},
	} {
		t.Run(name, func(t *testing.T) {
			var w *worker
			s := newStage(t, stageWith{
				hired:     func(made *worker) { w = made },
				limits:    forward.Limits{Connections: 1000, BufferSize: 64 << 10, PoolSize: 128 << 10},
				selection: selection,
			})
			crowd(t, s, 200, 64<<10)
			s.settled(0)
			starved := w.Counts.Starved.Load()
			if starved == 0 {
				t.Error("no receive found the pool empty: it was not too small")
			}
			figures.Count("faults", int64(starved))
		})
	}
}

// crowd echoes through many connections at once, in pieces of all sizes.
func crowd(t *testing.T, s *stage, connections, size int) {
	t.Helper()
	var clients sync.WaitGroup
	errs := make(chan error, connections)
	for i := range connections {
		clients.Go(func() { errs <- member(s, i, size) })
	}
	clients.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func member(s *stage, number, size int) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	for piece := 1; piece <= size; piece *= 4 {
		if err := echo(c, bytes.Repeat([]byte{byte(number)}, piece)); err != nil {
			return fmt.Errorf("client %d, %d bytes: %w", number, piece, err)
		}
	}
	return end(c)
}

// TestCloseOfAnother has the kernel say that a descriptor to be closed is not open:
// the next one of that number would be somebody else's, so the program must not go on.
func TestCloseOfAnother(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("the worker goes on after closing a descriptor that is not its own")
		}
	}()
	new(worker).closeFailed(7, unix.EBADF)
}
