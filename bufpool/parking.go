package bufpool

// parking holds copies of received bytes that a slow peer has not taken, each in
// a mapping of its own, so that the buffers they came in serve other connections
// meanwhile. What is parked is bounded by what connections may queue.
type parking struct {
	chunks []chunk // by number
	free   []int32
	parked int // bytes mapped
}

// chunk is a mapping for parked bytes, nil when its number is free.
type chunk struct {
	memory []byte
	used   uint32
}

// minChunk is how much is mapped at least, so that small pieces can follow.
const minChunk = 64 << 10

// Park copies pieces, in order, to memory of their own, releases them and
// returns the copy. On an error (no memory) nothing has changed.
func (p *Pool) Park(pieces []Piece) (Piece, error) {
	total := 0
	for _, piece := range pieces {
		total += int(piece.Len)
	}
	memory, err := Map(max(total, minChunk))
	if err != nil {
		return Piece{}, err
	}
	at := memory
	for _, piece := range pieces {
		at = at[copy(at, p.bytes(piece)):]
	}
	for _, piece := range pieces {
		p.Release(piece)
	}
	return Piece{id: ^p.parking.add(chunk{memory, uint32(total)}), Len: uint32(total)}, nil
}

// Append copies next behind last and releases it, if last is the end of a parked
// copy with room left. next must not be used after that.
func (p *Pool) Append(last *Piece, next Piece) bool {
	if last.id >= 0 {
		return false
	}
	c := &p.parking.chunks[^last.id]
	if last.offset+last.Len != c.used || int(c.used)+int(next.Len) > len(c.memory) {
		return false
	}
	c.used += uint32(copy(c.memory[c.used:], p.bytes(next)))
	last.Len += next.Len
	p.Release(next)
	return true
}

// Parked is the number of bytes mapped for parked copies.
func (p *Pool) Parked() int { return p.parking.parked }

// Parked tells that a Piece is a parked copy and holds no buffer of the ring.
func (piece Piece) Parked() bool { return piece.id < 0 }

func (k *parking) add(c chunk) int32 {
	k.parked += len(c.memory)
	if n := len(k.free); n > 0 {
		id := k.free[n-1]
		k.free = k.free[:n-1]
		k.chunks[id] = c
		return id
	}
	k.chunks = append(k.chunks, c)
	return int32(len(k.chunks) - 1)
}

func (k *parking) release(id int32) {
	memory := k.chunks[id].memory
	k.parked -= len(memory)
	Unmap(memory)
	k.chunks[id] = chunk{}
	k.free = append(k.free, id)
}

func (k *parking) close() {
	for _, c := range k.chunks {
		if c.memory != nil {
			Unmap(c.memory)
		}
	}
}
