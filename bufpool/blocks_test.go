package bufpool

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// getBlocks gets n blocks and fills each with bytes of its own.
func getBlocks(t *testing.T, b *Blocks, n int) []*Block {
	t.Helper()
	var all []*Block
	for i := range n {
		block, err := b.Get()
		if err != nil {
			t.Fatal(err)
		}
		fill(block, byte(i))
		all = append(all, block)
	}
	return all
}

func fill(block *Block, with byte) {
	for i := range block.Memory {
		block.Memory[i] = with
	}
}

// resident is the number of a mapping's pages that are in memory.
func resident(t *testing.T, memory []byte) (n int) {
	t.Helper()
	pages := make([]byte, (len(memory)+os.Getpagesize()-1)/os.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&memory[0])), uintptr(len(memory)), uintptr(unsafe.Pointer(&pages[0]))); errno != 0 {
		t.Fatalf("mincore: %v", errno)
	}
	for _, page := range pages {
		n += int(page & 1)
	}
	return n
}

func TestBlocksAreKept(t *testing.T) {
	b := NewBlocks(4096, 1)
	defer b.Close()
	all := getBlocks(t, b, 2)
	b.Put(all[0])
	b.Put(all[1]) // one too many to keep
	if n := resident(t, all[0].slab.memory); n != 1 {
		t.Errorf("%d pages are resident with one block kept", n)
	}
	if again, err := b.Get(); err != nil || again != all[0] || again.Memory[0] != 0 {
		t.Errorf("the kept block was not handed out again as it was: %v", err)
	}
}

// TestBlocksAtRandom holds a changing number of blocks: each keeps its bytes, those that
// are free take no memory, and no more is mapped than was in use at once.
func TestBlocksAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const size, keep = 5000, 3 // which is two pages
	b := NewBlocks(size, keep)
	defer b.Close()
	var held []*Block
	most := 0
	for round := range 5000 {
		if rng.IntN(100) < 50+40*((round/500)%2*2-1) { // now more and more, now fewer
			held = append(held, getBlocks(t, b, 1)...)
			fill(held[len(held)-1], byte(len(held)))
			most = max(most, len(held)+keep)
		} else if n := len(held); n > 0 {
			i := rng.IntN(n)
			b.Put(held[i])
			held[i] = held[n-1]
			held = held[:n-1]
			if i < len(held) {
				fill(held[i], byte(i+1))
			}
		}
		if limit := (most + slabBlocks - 1) / slabBlocks; len(b.slabs) > limit {
			t.Fatalf("%d slabs mapped, and %d blocks in use at most", len(b.slabs), most)
		}
	}
	pages := 0
	for _, s := range b.slabs {
		pages += resident(t, s.memory)
	}
	if limit := 2 * (len(held) + len(b.kept)); pages > limit {
		t.Errorf("%d pages are resident, want at most %d", pages, limit)
	}
	for i, block := range held {
		if len(block.Memory) != size || !bytes.Equal(block.Memory, bytes.Repeat([]byte{byte(i + 1)}, size)) {
			t.Fatalf("block %d of %d was written over", i, len(held))
		}
		b.Put(block)
	}
	if len(b.kept) != keep || len(b.slabs) > keep {
		t.Errorf("%d blocks are kept, in %d slabs", len(b.kept), len(b.slabs))
	}
}

func TestBlocksPutBackTwice(t *testing.T) {
	b := NewBlocks(4096, 0)
	defer b.Close()
	all := getBlocks(t, b, 2)
	b.Put(all[0])
	mustPanic(t, "a block put back twice", func() { b.Put(all[0]) })
	b.Put(all[1])
	mustPanic(t, "a block put back after its slab", func() { b.Put(all[1]) })
}

// TestBlocksThatStayMapped has a slab that cannot be unmapped: its memory is given back,
// and it is used again.
func TestBlocksThatStayMapped(t *testing.T) {
	b := NewBlocks(BlockSize, 0)
	defer b.Close()
	b.unmap = func([]byte) bool { return false }
	all := getBlocks(t, b, 3*slabBlocks)
	for _, block := range all {
		b.Put(block)
	}
	for _, s := range b.slabs {
		if n := resident(t, s.memory); n != 0 {
			t.Errorf("%d pages are resident", n)
		}
	}
	b.unmap = unmap
	all = getBlocks(t, b, 3*slabBlocks)
	if len(b.slabs) != 3 {
		t.Errorf("%d slabs are mapped, want the 3 there were", len(b.slabs))
	}
	for _, block := range all {
		b.Put(block)
	}
	if len(b.slabs) != 0 {
		t.Errorf("%d slabs are left once there is room", len(b.slabs))
	}
}

// noMappings makes TestBlocksWithoutMappings the child that it starts.
const noMappings = "BUFPOOL_TEST_CHILD"

// TestBlocksWithoutMappings puts blocks back that lie in the middle of others while the
// process has as many mappings as it may have: that must not end it, and they are used
// again. It does so in a process of its own, as Go needs mappings too.
func TestBlocksWithoutMappings(t *testing.T) {
	if os.Getenv(noMappings) != "" {
		runtime.MemProfileRate = 0 // which takes mappings now and then
		withoutMappings(t)
		return
	}
	if harness.RaceBuilt {
		t.Skip("the race detector does not live without mappings")
	}
	var output []byte
	for range 5 { // Go may take a mapping just then, or give one back
		cmd := exec.Command(os.Args[0], "-test.run=^TestBlocksWithoutMappings$", "-test.v")
		cmd.Env = append(os.Environ(), noMappings+"=1", "GOGC=off")
		var err error
		if output, err = cmd.CombinedOutput(); err == nil {
			break
		}
		if errors.Is(err, unix.ENOEXEC) {
			t.Skip("this program runs under an emulator, which starts no other")
		}
		t.Logf("%v:\n%s", err, output)
	}
	if bytes.Contains(output, []byte("--- PASS")) {
		return
	}
	if bytes.Contains(output, []byte("--- SKIP")) {
		t.Skipf("%s", output)
	}
	t.Error("it did not get through")
}

func withoutMappings(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/vm/max_map_count")
	if err != nil {
		t.Skip(err)
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || limit > 1<<18 {
		t.Skipf("too many mappings may be had: %s", text)
	}
	b := NewBlocks(BlockSize, 0)
	all := getBlocks(t, b, 9*slabBlocks)
	middle := betweenOthers(b.slabs)
	if middle == nil {
		t.Skip("the kernel has not mapped one beside the other")
	}
	release := useUpMappings(t, limit)
	for i := range middle.blocks {
		b.Put(&middle.blocks[i])
	}
	kept, pages := len(b.slabs), resident(t, middle.memory)
	again := getBlocks(t, b, slabBlocks)
	reused := !slices.ContainsFunc(again, func(block *Block) bool { return block.slab != middle })
	release()
	if kept != 9 {
		t.Errorf("%d slabs are left: that in the middle could be unmapped", kept)
	}
	if pages != 0 {
		t.Errorf("%d pages of it are resident", pages)
	}
	if !reused {
		t.Error("it was not used again")
	}
	for _, block := range all {
		b.Put(block)
	}
	if len(b.slabs) > 0 {
		t.Errorf("%d slabs are left once there is room", len(b.slabs))
	}
}

// betweenOthers is a slab that has others on both sides.
func betweenOthers(slabs []*slab) *slab {
	begins := make(map[uintptr]bool)
	address := func(s *slab) uintptr { return uintptr(unsafe.Pointer(&s.memory[0])) }
	for _, s := range slabs {
		begins[address(s)] = true
	}
	for _, s := range slabs {
		if length := uintptr(len(s.memory)); begins[address(s)-length] && begins[address(s)+length] {
			return s
		}
	}
	return nil
}

// useUpMappings makes every other page of a mapping one of its own, until the process
// may have no more.
func useUpMappings(t *testing.T, limit int) (release func()) {
	t.Helper()
	page := os.Getpagesize()
	memory, err := unix.Mmap(-1, 0, 2*limit*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		t.Skip(err)
	}
	for at := page; err == nil && at < len(memory); at += 2 * page {
		err = unix.Mprotect(memory[at:at+page], unix.PROT_READ)
	}
	if err != unix.ENOMEM {
		t.Fatalf("the mappings did not run out: %v", err)
	}
	return func() { Unmap(memory) }
}
