package forward

// slabSize is how many slots are allocated at a time.
const slabSize = 64

// Slots hands out places for connections by number and never moves them. They are
// reused last in, first out, so that as few are touched as there are connections.
type Slots[C any] struct {
	all    []*C
	unused []uint32
}

// Allocate returns a free slot, in the state in which it was freed, or zero.
func (s *Slots[C]) Allocate() (uint32, *C) {
	if len(s.unused) == 0 {
		s.grow()
	}
	last := len(s.unused) - 1
	slot := s.unused[last]
	s.unused = s.unused[:last]
	return slot, s.all[slot]
}

func (s *Slots[C]) grow() {
	slab := make([]C, slabSize)
	first := len(s.all)
	for i := range slab {
		s.all = append(s.all, &slab[i])
		s.unused = append(s.unused, uint32(first+slabSize-1-i))
	}
}

// Free gives a slot back.
func (s *Slots[C]) Free(slot uint32) { s.unused = append(s.unused, slot) }

// At is the slot of a number that Allocate has returned.
func (s *Slots[C]) At(slot uint32) *C { return s.all[slot] }

// All are all slots, free ones included.
func (s *Slots[C]) All() []*C { return s.all }

// InUse is the number of slots that are not free.
func (s *Slots[C]) InUse() int { return len(s.all) - len(s.unused) }
