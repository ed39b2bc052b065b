package bufpool

// Blocks hands out blocks of one size and keeps some for reuse.
type Blocks struct {
	size int
	keep int
	free [][]byte
}

// NewBlocks returns a pool of blocks of size bytes that keeps up to keep idle
// ones.
func NewBlocks(size, keep int) *Blocks { return &Blocks{size: size, keep: keep} }

// Get returns a block with arbitrary contents; the caller gives it back by Put.
func (b *Blocks) Get() ([]byte, error) {
	if n := len(b.free); n > 0 {
		block := b.free[n-1]
		b.free = b.free[:n-1]
		return block, nil
	}
	return Map(b.size)
}

// Put takes a block back.
func (b *Blocks) Put(block []byte) {
	if len(b.free) == b.keep {
		Unmap(block)
		return
	}
	b.free = append(b.free, block)
}

// Close unmaps the idle blocks.
func (b *Blocks) Close() {
	for _, block := range b.free {
		Unmap(block)
	}
	b.free = nil
}
