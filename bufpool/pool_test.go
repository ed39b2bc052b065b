package bufpool

import (
	"bytes"
	"strings"
	"testing"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
)

// kernel is the far side of a buffer ring: it writes received bytes into the
// buffers, in the order in which they were provided.
type kernel struct {
	reg  giouring.BufReg
	head uint16
}

func (k *kernel) RegisterBufferRing(reg *giouring.BufReg, _ uint32) (uint, error) {
	k.reg = *reg
	return 0, nil
}

func (k *kernel) entries() []giouring.BufAndRing {
	addr := uintptr(k.reg.RingAddr)
	return unsafe.Slice(*(**giouring.BufAndRing)(unsafe.Pointer(&addr)), k.reg.RingEntries)
}

// receive writes data and returns what the completion tells.
func (k *kernel) receive(t *testing.T, data string) (id uint16, n uint32) {
	t.Helper()
	entries := k.entries()
	if k.head == entries[0].Tail {
		t.Fatal("no buffer is left")
	}
	entry := &entries[k.head&uint16(k.reg.RingEntries-1)]
	addr := uintptr(entry.Addr)
	n = uint32(copy(unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), entry.Len), data))
	k.head++
	return entry.Bid, n
}

func newPool(t *testing.T, cfg Config) (*Pool, *kernel) {
	t.Helper()
	k := new(kernel)
	p, err := New(cfg, k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, k
}

func TestBuffersComeBackWhenReleased(t *testing.T) {
	p, k := newPool(t, Config{Count: 2, Size: 8})
	for round := range 70_000 { // ring positions have 16 bits
		piece := p.Take(k.receive(t, "12345678"))
		if p.Available() != 1 {
			t.Fatalf("round %d: %d buffers available while one is held", round, p.Available())
		}
		if got := string(p.bytes(piece)); got != "12345678" {
			t.Fatalf("round %d: the piece holds %q", round, got)
		}
		p.Release(piece)
		if p.Available() != 2 {
			t.Fatalf("round %d: %d buffers available after release", round, p.Available())
		}
	}
}

func TestParkedBytesSurviveTheirBuffers(t *testing.T) {
	p, k := newPool(t, Config{Count: 2, Size: 4})
	first, second := p.Take(k.receive(t, "abcd")), p.Take(k.receive(t, "efgh"))
	first.Consume(1)
	parked, err := p.Block()
	if err != nil {
		t.Fatal(err)
	}
	if !p.Append(&parked, &first) || !p.Append(&parked, &second) {
		t.Fatal("a block has no room for 7 bytes")
	}
	if p.Available() != 2 || p.Parked() != BlockSize || !parked.Parked() {
		t.Fatalf("after parking: %d available, %d parked", p.Available(), p.Parked())
	}
	for range 4 {
		p.Release(p.Take(k.receive(t, "XXXX")))
	}
	if got := p.bytes(parked); !bytes.Equal(got, []byte("bcdefgh")) {
		t.Errorf("parked bytes are %q", got)
	}
	p.Release(parked)
	if p.Parked() != 0 {
		t.Errorf("%d bytes still parked", p.Parked())
	}
}

func TestAppendFillsABlock(t *testing.T) {
	p, k := newPool(t, Config{Count: 2, Size: 5})
	held, next := p.Take(k.receive(t, "xy")), p.Take(k.receive(t, "zz"))
	if p.Append(&held, &next) || next.Len != 2 {
		t.Fatal("a piece was appended to one of the ring")
	}
	p.Release(next)
	parked, err := p.Block()
	if err != nil {
		t.Fatal(err)
	}
	if !p.Append(&parked, &held) {
		t.Fatal("a block has no room for 2 bytes")
	}
	parked.Consume(1)
	appended := 1
	for {
		piece := p.Take(k.receive(t, "12345"))
		if !p.Append(&parked, &piece) {
			if appended += 5 - int(piece.Len); appended != BlockSize-1 {
				t.Errorf("a block is full after %d bytes", appended)
			}
			if got, want := string(p.bytes(piece)), "12345"[5-piece.Len:]; got != want {
				t.Errorf("%q is left of a piece, want %q", got, want)
			}
			if p.Append(&parked, &piece) {
				t.Error("a full block took more")
			}
			p.Release(piece)
			break
		}
		appended += 5
	}
	if got := string(p.bytes(parked)[:6]); got != "y12345" || int(parked.Len) != appended {
		t.Errorf("the block begins with %q and has %d bytes", got, parked.Len)
	}
	p.Release(parked)
	if p.Parked() != 0 || p.Available() != 2 {
		t.Errorf("%d bytes still parked, %d buffers available", p.Parked(), p.Available())
	}
}

func TestPoolSizesAreChecked(t *testing.T) {
	for _, cfg := range []Config{{Count: 0, Size: 1}, {Count: 3, Size: 1}, {Count: 8192, Size: 1}, {Count: 4, Size: 0}} {
		if _, err := New(cfg, new(kernel)); err == nil || !strings.Contains(err.Error(), "power of two") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// TestBrokenInvariantsPanic covers what would otherwise send wrong bytes to a peer.
func TestBrokenInvariantsPanic(t *testing.T) {
	p, k := newPool(t, Config{Count: 2, Size: 4})
	id, n := k.receive(t, "abcd")
	piece := p.Take(id, n)
	mustPanic(t, "a buffer taken twice", func() { p.Take(id, n) })
	p.Release(piece)
	mustPanic(t, "a piece released twice", func() { p.Release(piece) })
	mustPanic(t, "more bytes than the buffer has", func() { p.Take(id, 5) })
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s went unnoticed", what)
		}
	}()
	f()
}
