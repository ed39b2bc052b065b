package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

// longestRound is how long a round takes at most, and so how long a reader is stuck.
const longestRound = 2 * time.Minute

// fastPlayers and slowPlayers are how many connections of the mix there are at a
// time. The slow kinds have players of their own, else all would soon be stuck.
const fastPlayers, slowPlayers = 10, 10

// stage is one proxy and all that is played with it.
type stage struct {
	t         *testing.T
	program   *harness.Program
	seed      uint64
	random    *rand.Rand // of the stage's own goroutine
	setting   setting
	target    *target
	listeners []harness.Address
	proxy     *harness.Process
	calls     calls
	account   *account
	troubles  troubles
	standing  bystanders
	failures  atomic.Int64
	givenUp   atomic.Int64 // calls that were reset while others were turned away
	round     atomic.Pointer[round]
	rest      baseline
	linesSeen int // of the proxy's log
}

// round is a stretch of the mix. Nobody begins anything after its end, and who is
// stuck goes on.
type round struct {
	context.Context
	number int
	length time.Duration
}

// tooMany failures end a round: what comes after tells no more.
const tooMany = 20

func newStage(t *testing.T, program *harness.Program, seed uint64, random *rand.Rand) *stage {
	s := &stage{
		t: t, program: program, seed: seed, random: random,
		setting: newSetting(random), account: newAccount(),
	}
	s.round.Store(&round{Context: context.Background()})
	s.target = newTarget(s)
	o := harness.Options{Args: append(s.setting.args(), s.target.name)}
	for _, tr := range harness.Transports {
		l := harness.Listen(t, tr, harness.SocketOptions{})
		s.listeners = append(s.listeners, l.Address)
		o.Listeners = append(o.Listeners, l)
	}
	s.proxy = harness.Start(t, program, o)
	s.say("%v to %s", s.setting, s.target.name)
	return s
}

// play plays rounds for so long, with a calm after each, and ends the proxy.
func (s *stage) play(whole time.Duration) {
	aborted := abortedForMemory(s.t)
	s.standBy()
	s.takeBaseline()
	rounds := max(2, int((whole+longestRound-1)/longestRound))
	for n := 1; n <= rounds && s.failures.Load() < tooMany; n++ {
		s.playRound(n, whole/time.Duration(rounds))
		s.calm(n)
	}
	s.end()
	if n := abortedForMemory(s.t) - aborted; n > 0 && s.t.Failed() {
		s.note("the kernel has broken %d TCP connections for want of memory (TCPAbortOnMemory): who else fills net.ipv4.tcp_mem?", n)
	}
}

// abortedForMemory counts connections that the kernel breaks itself, when TCP as a
// whole takes too much. Then transfers fail, and nobody here is to blame.
func abortedForMemory(t *testing.T) uint64 { return network.Counter(t, "TcpExt", "TCPAbortOnMemory") }

func (s *stage) playRound(number int, length time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	s.round.Store(&round{ctx, number, length})
	var playing sync.WaitGroup
	for range fastPlayers {
		seed := s.random.Uint64()
		playing.Go(func() { s.playKinds(fastKinds, seed) })
	}
	for range slowPlayers {
		seed := s.random.Uint64()
		playing.Go(func() { s.playKinds(slowKinds, seed) })
	}
	troubleSeed := s.random.Uint64()
	playing.Go(func() { s.playTroubles(troubleSeed) })
	playing.Go(func() { s.report() })
	playing.Wait()
}

// playKinds is a player: it plays one connection after the other.
func (s *stage) playKinds(kinds []*kind, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	for s.playing() {
		s.playCall(choose(kinds, random), random)
		s.pause(time.Duration(random.Int64N(int64(40 * time.Millisecond))))
	}
}

// playing reports whether the round goes on.
func (s *stage) playing() bool {
	return s.round.Load().Err() == nil && s.failures.Load() < tooMany
}

// pause waits, but no longer than the round.
func (s *stage) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.round.Load().Done():
	}
}

// until waits for what has no event. Unlike harness.Until it may be called on any
// goroutine.
func (s *stage) until(what string, reached func() bool) error {
	for end := time.Now().Add(harness.Patience); !reached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("waited %v in vain: %s", harness.Patience, what)
		}
	}
	return nil
}

// fail notes what must not be.
func (s *stage) fail(format string, args ...any) {
	if s.failures.Add(1) <= tooMany {
		s.note(format, args...)
	}
}

func (s *stage) note(format string, args ...any) {
	what := fmt.Sprintf("%s, round %d: %s", s.program.Name, s.round.Load().number, fmt.Sprintf(format, args...))
	s.account.failed(what)
	s.t.Error(what)
}
