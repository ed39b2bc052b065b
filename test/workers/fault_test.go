package workers

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/crew"
)

// TestFaultOfOneEndsAll takes the descriptor of one worker's ring, or epoll set, away
// from it while clients come and go.
func TestFaultOfOneEndsAll(t *testing.T) {
	for name, link := range map[string]string{"uring": "anon_inode:[io_uring]", "epoll": "anon_inode:[eventpoll]"} {
		t.Run(name, func(t *testing.T) {
			before := linked(t, link)
			r := start(t, name, func(*crew.Services) { before = linked(t, link) })
			var waits []int // the descriptors that its workers wait on
			for fd := range linked(t, link) {
				if !before[fd] {
					waits = append(waits, fd)
				}
			}
			if len(waits) != workers {
				t.Fatalf("%d workers wait on %v", workers, waits)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var echoed atomic.Int64
			clients := flood(ctx, r.address, &echoed)
			for echoed.Load() < 50 {
				time.Sleep(time.Millisecond)
			}
			null, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			if err := unix.Dup3(int(null.Fd()), waits[0], unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			if err := r.await(t); !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EBADF) {
				t.Errorf("ended with %v", err)
			}
			cancel()
			r.policy.Routes[0].Listener.Close()
			clients.Wait()
			if n := r.services.Gate.Current(); n != 0 {
				t.Errorf("the gate still counts %d connections", n)
			}
		})
	}
}

// linked are this process's descriptors of a kind.
func linked(t *testing.T, to string) map[int]bool {
	t.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[int]bool)
	for _, entry := range entries {
		link, _ := os.Readlink(filepath.Join(dir, entry.Name()))
		if fd, err := strconv.Atoi(entry.Name()); err == nil && strings.HasPrefix(link, to) {
			found[fd] = true
		}
	}
	return found
}
