package uring

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// newRing locks the test to its thread and returns a ring of the real kernel.
func newRing(t *testing.T, cfg Config) *Ring {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	r, _, err := New(cfg, nil)
	if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EPERM) || errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("no io_uring here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// reads submits n reads of one byte each, which complete at once, and returns how
// often each has completed.
func reads(t *testing.T, r *Ring, n int) map[uint64]int {
	t.Helper()
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	memory, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(memory) }()
	for i := range n {
		r.Read(int(zero.Fd()), addressOf(memory[i:]), 1, uint64(i))
	}
	completed := make(map[uint64]int)
	for reaped := 0; reaped < n; {
		if err := r.SubmitAndWait(Forever); err != nil {
			t.Fatal(err)
		}
		reaped += r.Reap(func(c Completion) {
			completed[c.UserData]++
			if c.Result != 1 {
				t.Errorf("read %d returned %d", c.UserData, c.Result)
			}
		})
	}
	return completed
}

func checkOnceEach(t *testing.T, completed map[uint64]int, n int) {
	t.Helper()
	for i := range n {
		if completed[uint64(i)] != 1 {
			t.Errorf("operation %d completed %d times", i, completed[uint64(i)])
		}
	}
}

func TestFullSubmissionQueue(t *testing.T) {
	r := newRing(t, Config{Entries: 4, CQEntries: 256})
	checkOnceEach(t, reads(t, r, 100), 100)
	if r.Stats.SQFull == 0 {
		t.Error("the submission queue was never full")
	}
}

func TestCompletionQueueOverflow(t *testing.T) {
	r := newRing(t, Config{Entries: 64, CQEntries: 64})
	const n = 500
	checkOnceEach(t, reads(t, r, n), n)
	if r.Stats.Overflows == 0 {
		t.Error("the completion queue never overflowed")
	}
}

func TestProbe(t *testing.T) {
	newRing(t, Config{Entries: 8, CQEntries: 16}) // skips without io_uring
	features, err := ProbeAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Probed {
		t.Logf("%-32s since %-5s here: %v", f.Name, f.Since, features.Has(f))
	}
	if err := features.Missing(); err != nil && features.Has(FeatureRecvLimit) {
		t.Errorf("a kernel with %s: %v", FeatureRecvLimit.Name, err)
	}
}
