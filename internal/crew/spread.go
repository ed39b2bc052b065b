package crew

import (
	"sync"
	"sync/atomic"
)

// spread counts each worker's connections and chooses who gets the next one. The
// kernel does not spread them: of several workers that wait for a connection it
// wakes the one that began to wait first, again and again.
type spread struct {
	choosing sync.Mutex // so that no two choose by the same counts
	counts   []atomic.Int64
}

// newSpread returns the spread over a number of workers.
func newSpread(workers int) *spread { return &spread{counts: make([]atomic.Int64, workers)} }

// Choose gives a connection to the worker that has the fewest, to self if that is
// one of those, and counts it there until Leave.
func (s *spread) Choose(self int) int {
	if len(s.counts) == 1 {
		return self
	}
	s.choosing.Lock()
	defer s.choosing.Unlock()
	chosen, fewest := self, s.counts[self].Load()
	for i := range s.counts {
		other := (self + i) % len(s.counts)
		if n := s.counts[other].Load(); n < fewest {
			chosen, fewest = other, n
		}
	}
	s.counts[chosen].Add(1)
	return chosen
}

// Move counts a connection with another worker.
func (s *spread) Move(from, to int) {
	if len(s.counts) > 1 {
		s.counts[from].Add(-1)
		s.counts[to].Add(1)
	}
}

// Leave counts a connection of a worker out.
func (s *spread) Leave(worker int) {
	if len(s.counts) > 1 {
		s.counts[worker].Add(-1)
	}
}

// Count is how many connections a worker has, if there are several workers.
func (s *spread) Count(worker int) int { return int(s.counts[worker].Load()) }
