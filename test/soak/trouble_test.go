package soak

import (
	"math/rand/v2"
	"sync"
	"time"
)

// trouble befalls the proxy or the target as a whole. One comes at a time.
type trouble struct {
	name string
	// excuses tells that connections may be turned away meanwhile. Those that are
	// through to the target may suffer in no case.
	excuses bool
	// play returns how many faults it made, and what was wrong.
	play func(*stage, *rand.Rand) (faults int, err error)
}

// troubleKinds are all of them. To add one, write it in a file of its own and list it
// here.
var troubleKinds = []trouble{
	{"refused over the limit", true, flood},
	{"target down", true, flap},
	{"target stalled", false, stall},
	{"descriptors exhausted", true, exhaustDescriptors},
	{"signals", false, signalStorm},
	{"process stopped", false, stopProcess},
}

// playTroubles plays them one after the other, each before any comes again.
func (s *stage) playTroubles(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	longest := min(2*time.Second, s.round.Load().length/40)
	for s.playing() {
		for _, i := range random.Perm(len(troubleKinds)) {
			s.pause(time.Duration(random.Int64N(int64(longest))))
			if s.playing() {
				s.playTrouble(&troubleKinds[i], random)
			}
		}
	}
}

func (s *stage) playTrouble(k *trouble, random *rand.Rand) {
	if k.excuses {
		s.troubles.begin()
		defer s.troubles.end()
	}
	faults, err := k.play(s, random)
	if err != nil {
		s.fail("%s: %v", k.name, err)
	}
	s.account.suffered(k.name, faults)
}

// troubles knows when connections may be turned away.
type troubles struct {
	mu    sync.Mutex
	now   bool
	ended time.Time
}

func (e *troubles) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = true
}

func (e *troubles) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now, e.ended = false, time.Now()
}

// since reports whether there was such a trouble at any time since then.
func (e *troubles) since(then time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now || e.ended.After(then)
}
