package bufpool

import (
	"fmt"
	"math/bits"
	"os"

	"golang.org/x/sys/unix"
)

// Blocks hands out blocks of one size and keeps some for reuse.
//
// They are mapped a slab at a time, because mappings are limited: a process can have
// vm.max_map_count of them, 65,530 by default. The kernel merges neighbouring mappings,
// so unmapping one in the middle costs one more. A block that is put back gives up its
// pages; a slab is unmapped when all its blocks are back.
type Blocks struct {
	size  int
	keep  int
	kept  []*Block // idle, with their pages
	slabs []*slab  // the full ones, then those with blocks to hand out
	full  int      // how many
	unmap func([]byte) bool
}

// Block is memory that belongs to whoever got it until it is put back.
type Block struct {
	Memory []byte
	slab   *slab
	bit    uint16 // in slab.free
}

// slab is a mapping of some blocks.
type slab struct {
	memory []byte
	at     int    // in Blocks.slabs
	free   uint16 // a bit for each block
	blocks [slabBlocks]Block
}

const (
	slabBlocks = 16
	slabFree   = 1<<slabBlocks - 1
)

// NewBlocks returns a pool of blocks of size bytes. It keeps up to keep idle blocks
// with their pages.
func NewBlocks(size, keep int) *Blocks {
	return &Blocks{size: size, keep: keep, unmap: unmap}
}

// Get returns a block with arbitrary contents. The caller gives it back with Put.
func (b *Blocks) Get() (*Block, error) {
	if n := len(b.kept); n > 0 {
		block := b.kept[n-1]
		b.kept = b.kept[:n-1]
		return block, nil
	}
	if b.full == len(b.slabs) {
		if err := b.grow(); err != nil {
			return nil, err
		}
	}
	s := b.slabs[len(b.slabs)-1]
	block := &s.blocks[bits.TrailingZeros16(s.free)]
	if s.free &^= block.bit; s.free == 0 {
		b.swap(s.at, b.full)
		b.full++
	}
	return block, nil
}

// grow maps a slab.
func (b *Blocks) grow() error {
	page := os.Getpagesize()
	stride := (b.size + page - 1) / page * page
	memory, err := Map(slabBlocks * stride)
	if err != nil {
		return err
	}
	// A single block in use would hold a whole huge page. A kernel that does not know
	// the advice has no huge pages.
	_ = unix.Madvise(memory, unix.MADV_NOHUGEPAGE)
	s := &slab{memory: memory, at: len(b.slabs), free: slabFree}
	for i := range s.blocks {
		s.blocks[i] = Block{Memory: memory[i*stride:][:b.size:b.size], slab: s, bit: 1 << i}
	}
	b.slabs = append(b.slabs, s)
	return nil
}

// Put takes a block back.
func (b *Blocks) Put(block *Block) {
	if len(b.kept) < b.keep {
		b.kept = append(b.kept, block)
		return
	}
	s := block.slab
	if s.free&block.bit != 0 {
		panic(fmt.Sprintf("bufpool: block of %d bytes put back twice", b.size))
	}
	if s.free == 0 {
		b.full--
		b.swap(s.at, b.full)
	}
	s.free |= block.bit
	if s.free == slabFree && b.unmap(s.memory) {
		last := len(b.slabs) - 1
		b.swap(s.at, last)
		b.slabs[last] = nil
		b.slabs = b.slabs[:last]
		return
	}
	// Locked memory (mlockall(2)) cannot be given up; it is reused as it is.
	_ = unix.Madvise(block.Memory, unix.MADV_DONTNEED)
}

func (b *Blocks) swap(i, j int) {
	b.slabs[i], b.slabs[j] = b.slabs[j], b.slabs[i]
	b.slabs[i].at, b.slabs[j].at = i, j
}

// Close unmaps all blocks, including those that have not been put back.
func (b *Blocks) Close() {
	for _, s := range b.slabs {
		Unmap(s.memory)
	}
	b.slabs, b.kept, b.full = nil, nil, 0
}
