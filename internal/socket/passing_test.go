package socket

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns two connected UNIX sockets, closed with the test.
func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// files returns n open files whose sizes are their numbers.
func files(t *testing.T, n int) (fds []int) {
	t.Helper()
	for i := range n {
		fd, err := unix.MemfdCreate("numbered", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Ftruncate(fd, int64(i)); err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	return fds
}

// numbers closes passed files and returns their numbers.
func numbers(t *testing.T, fds []int) (all []int) {
	t.Helper()
	for _, fd := range fds {
		var stat unix.Stat_t
		if err := unix.Fstat(fd, &stat); err != nil {
			t.Fatal(err)
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Fatalf("descriptor %d passes to a child: %#x, %v", fd, flags, err)
		}
		all = append(all, int(stat.Size))
		unix.Close(fd)
	}
	return all
}

// TestDescriptorsStayWithTheirByte sends bytes with and without descriptors at random,
// and receives them with blocks of all sizes: each time up to the next byte that some came
// with, and never from before it.
func TestDescriptorsStayWithTheirByte(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	numbered := files(t, 40)
	p := NewPasser()
	for range 100 {
		from, to := pair(t)
		type sent struct{ at, first, n int }
		var want []sent
		var data []byte
		for range 1 + random.IntN(30) {
			block := make([]byte, 1+random.IntN([]int{1, 20, 2000}[random.IntN(3)]))
			for i := range block {
				block[i] = byte(random.Uint32())
			}
			with := sent{at: len(data), first: random.IntN(30), n: max(0, random.IntN(12)-6)}
			n, err := p.SendWith(from, block, numbered[with.first:][:with.n])
			if n != len(block) || err != nil {
				t.Fatalf("%d of %d bytes sent (%v)", n, len(block), err)
			}
			if with.n > 0 {
				want = append(want, with)
			}
			data = append(data, block...)
		}
		var got []byte
		block := make([]byte, 1+random.IntN([]int{30, 1000, 100_000}[random.IntN(3)]))
		for len(got) < len(data) {
			n, passed, err := p.Receive(to, block)
			if n == 0 || err != nil {
				t.Fatalf("%d bytes after %d of %d (%v)", n, len(got), len(data), err)
			}
			var wanted []int
			if len(want) > 0 && want[0].at == len(got) {
				for i := range want[0].n {
					wanted = append(wanted, want[0].first+i)
				}
				want = want[1:]
			}
			if all := numbers(t, passed); !slices.Equal(all, wanted) {
				t.Fatalf("with byte %d came %v, want %v", len(got), all, wanted)
			}
			got = append(got, block[:n]...)
			if len(want) > 0 && want[0].at < len(got) {
				t.Fatalf("received to byte %d, over %d, with which descriptors come", len(got), want[0].at)
			}
		}
		if !bytes.Equal(got, data) {
			t.Fatal("the bytes have changed")
		}
		if n, passed, err := p.Receive(to, block); n > 0 || passed != nil || err != unix.EAGAIN {
			t.Fatalf("from an empty socket: %d bytes, %v, %v", n, passed, err)
		}
		unix.Shutdown(from, unix.SHUT_WR)
		if n, passed, err := p.Receive(to, block); n > 0 || passed != nil || err != nil {
			t.Fatalf("at the end: %d bytes, %v, %v", n, passed, err)
		}
	}
}

// TestDescriptorsAreLost leaves no room for some of those that come.
func TestDescriptorsAreLost(t *testing.T) {
	from, to := pair(t)
	p := NewPasser()
	if _, err := p.SendWith(from, []byte("some"), files(t, 20)); err != nil {
		t.Fatal(err)
	}
	p.control = p.control[:unix.CmsgSpace(4*5)]
	n, passed, err := p.Receive(to, make([]byte, 100))
	if all := numbers(t, passed); n != 4 || len(all) >= 20 || !errors.Is(err, ErrLost) {
		t.Errorf("%d bytes, %v, %v; want 4 bytes, less than 20 files, and that some were lost", n, all, err)
	}
}

// TestCloseApart closes in the background, and says so after that.
func TestCloseApart(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	fd, err := unix.Dup(int(writer.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	NewPasser().CloseApart([]int{fd}, func() { close(done) })
	<-done
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("descriptor %d: %v, want it closed", fd, err)
	}
}
