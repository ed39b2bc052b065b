package bufpool

// parking holds copies of received bytes that a slow peer has not taken, each in
// a mapping of its own, so that the buffers they came in serve other connections
// meanwhile. What is parked is bounded by what connections may queue.
type parking struct {
	chunks [][]byte // by number; nil when free
	free   []int32
	parked int // bytes mapped
}

// Park copies pieces, in order, to memory of their own, releases them and
// returns the copy. On an error (no memory) nothing has changed.
func (p *Pool) Park(pieces []Piece) (Piece, error) {
	total := 0
	for _, piece := range pieces {
		total += int(piece.Len)
	}
	chunk, err := Map(total)
	if err != nil {
		return Piece{}, err
	}
	at := chunk
	for _, piece := range pieces {
		at = at[copy(at, p.bytes(piece)):]
	}
	for _, piece := range pieces {
		p.Release(piece)
	}
	return Piece{id: ^p.parking.add(chunk), Len: uint32(total)}, nil
}

// Parked is the number of bytes mapped for parked copies.
func (p *Pool) Parked() int { return p.parking.parked }

// Parked tells that a Piece is a parked copy and holds no buffer of the ring.
func (piece Piece) Parked() bool { return piece.id < 0 }

func (k *parking) add(chunk []byte) int32 {
	k.parked += len(chunk)
	if n := len(k.free); n > 0 {
		id := k.free[n-1]
		k.free = k.free[:n-1]
		k.chunks[id] = chunk
		return id
	}
	k.chunks = append(k.chunks, chunk)
	return int32(len(k.chunks) - 1)
}

func (k *parking) release(id int32) {
	chunk := k.chunks[id]
	k.parked -= len(chunk)
	Unmap(chunk)
	k.chunks[id] = nil
	k.free = append(k.free, id)
}

func (k *parking) close() {
	for _, chunk := range k.chunks {
		if chunk != nil {
			Unmap(chunk)
		}
	}
}
