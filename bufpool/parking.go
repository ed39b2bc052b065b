package bufpool

// parking holds copies of received bytes that a slow peer has not taken, in blocks
// of their own, so that the buffers they arrived in can serve other connections meanwhile.
// What is parked is bounded by what connections may queue.
//
// A queue of Pieces that only grows by Append, or by a new Block after a full one,
// takes at most two blocks more than its bytes fill: the first may be partly sent,
// and the last partly filled.
type parking struct {
	memory *Blocks
	blocks []block // indexed by number
	free   []int32
	parked int // bytes in blocks
}

// block holds parked bytes; it is the zero block when its number is free.
type block struct {
	*Block
	used uint32
}

// BlockSize is the size of a block of parked bytes, unless the Config sets a smaller one.
const BlockSize = 64 << 10

// Block returns an empty Piece that Append may fill, with memory of its own.
func (p *Pool) Block() (Piece, error) {
	memory, err := p.parking.memory.Get()
	if err != nil {
		return Piece{}, err
	}
	return Piece{id: ^p.parking.add(block{Block: memory})}, nil
}

// Append moves bytes of next to the end of last, if that is in a block: as many as there
// is room for. It reports whether these were all; if so, next is released and must not
// be used any more.
func (p *Pool) Append(last, next *Piece) bool {
	if last.id >= 0 {
		return false
	}
	b := &p.parking.blocks[^last.id]
	n := uint32(copy(b.Memory[b.used:], p.bytes(*next)))
	b.used += n
	last.Len += n
	next.Consume(n)
	if next.Len > 0 {
		return false
	}
	p.Release(*next)
	return true
}

// Room is the rest of the block after a Piece that is parked there. Extend makes bytes
// written to it part of the Piece.
func (p *Pool) Room(last Piece) []byte {
	b := &p.parking.blocks[^last.id]
	return b.Memory[b.used:]
}

// Extend makes the first n bytes of Room part of a parked Piece.
func (p *Pool) Extend(last *Piece, n int) {
	p.parking.blocks[^last.id].used += uint32(n)
	last.Len += uint32(n)
}

// Parked returns the number of bytes in blocks for parked copies.
func (p *Pool) Parked() int { return p.parking.parked }

// Parked reports whether a Piece is a parked copy, which holds no buffer of the ring.
func (piece Piece) Parked() bool { return piece.id < 0 }

func (k *parking) add(b block) int32 {
	k.parked += len(b.Memory)
	if n := len(k.free); n > 0 {
		id := k.free[n-1]
		k.free = k.free[:n-1]
		k.blocks[id] = b
		return id
	}
	k.blocks = append(k.blocks, b)
	return int32(len(k.blocks) - 1)
}

func (k *parking) release(id int32) {
	k.parked -= len(k.blocks[id].Memory)
	k.memory.Put(k.blocks[id].Block)
	k.blocks[id] = block{}
	k.free = append(k.free, id)
}
