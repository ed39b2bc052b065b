package faults

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// bystanders are connections to an echoing target that have no part in a fault. They
// send checked data round and round during the whole case and must get on in each
// phase of it.
type bystanders struct {
	t       testing.TB
	all     []*bystander
	quit    chan struct{}
	resting sync.RWMutex // held by those who want quiet
	running sync.WaitGroup
}

type bystander struct {
	name    string
	conn    *harness.Conn
	out, in *harness.Pattern
	size    int64 // bytes of a round
	rounds  atomic.Int64
	slowest time.Duration // round
	err     error         // once it has ended
	ended   chan struct{}
}

// bystanderKinds are a message, a block and a stream.
var bystanderKinds = []int64{64, 16 << 10, 256 << 10}

// bystanderPause is how long each leaves the processor to others between two rounds.
const bystanderPause = 20 * time.Millisecond

// standBy connects bystanders, waits until all are in, and lets them run.
func standBy(t testing.TB, proxy *harness.Proxy, seed uint64) *bystanders {
	t.Helper()
	b := &bystanders{t: t, quit: make(chan struct{})}
	for i, size := range bystanderKinds {
		stream := uint64(1000 + i)
		one := &bystander{
			name: fmt.Sprintf("the bystander with %d bytes a round", size),
			conn: proxy.Dial(t),
			out:  harness.NewPattern(seed, stream), in: harness.NewPattern(seed, stream),
			size:  size,
			ended: make(chan struct{}),
		}
		one.conn.Send([]byte{kindEcho})
		b.all = append(b.all, one)
		b.running.Go(func() {
			defer close(one.ended)
			for one.err == nil && b.wanted() {
				one.err = b.round(one)
			}
		})
	}
	t.Cleanup(b.stop)
	b.progress("before the fault")
	return b
}

func (b *bystanders) wanted() bool {
	select {
	case <-b.quit:
		return false
	case <-time.After(bystanderPause):
		return true
	}
}

// round sends one piece, which comes back.
func (b *bystanders) round(one *bystander) error {
	b.resting.RLock()
	defer b.resting.RUnlock()
	began := time.Now()
	one.conn.SetDeadline(began.Add(2 * harness.Patience))
	sent := make(chan error, 1)
	go func() { sent <- one.out.SendTo(one.conn.Conn, one.size, nil) }()
	err := one.in.CheckPart(one.conn.Conn, one.size)
	if err != nil {
		one.conn.Close() // else the sender may wait for room
	}
	if err := errors.Join(err, <-sent); err != nil {
		return err
	}
	one.rounds.Add(1)
	one.slowest = max(one.slowest, time.Since(began))
	return nil
}

// progress waits until each has got on by a few rounds.
func (b *bystanders) progress(phase string) {
	b.t.Helper()
	const rounds = 2
	for _, one := range b.all {
		goal := one.rounds.Load() + rounds
		harness.Until(b.t, one.name+" to get on "+phase, func() bool {
			select {
			case <-one.ended:
				b.t.Fatalf("%s, after %d rounds, %s: %v", one.name, one.rounds.Load(), phase, one.err)
			default:
			}
			return one.rounds.Load() >= goal
		})
	}
}

// rest calls f while they are silent.
func (b *bystanders) rest(f func()) {
	b.resting.Lock()
	defer b.resting.Unlock()
	f()
}

// stop ends their rounds. Their connections stay.
func (b *bystanders) stop() {
	select {
	case <-b.quit:
	default:
		close(b.quit)
	}
	b.running.Wait()
}

// leave ends them in peace, and reports what they have met.
func (b *bystanders) leave() {
	b.t.Helper()
	b.stop()
	for _, one := range b.all {
		b.t.Logf("%s: %d rounds, the slowest took %v", one.name, one.rounds.Load(), one.slowest.Round(time.Millisecond))
		if one.err != nil {
			b.t.Errorf("%s, after %d rounds: %v", one.name, one.rounds.Load(), one.err)
		}
		one.conn.Close()
	}
}

// areCut waits until the program has reset all of them, which it does at its end.
func (b *bystanders) areCut() {
	b.t.Helper()
	b.running.Wait()
	for _, one := range b.all {
		if !isReset(one.err) {
			b.t.Errorf("%s ended with %v, want a reset", one.name, one.err)
		}
	}
}

// isReset reports whether an error is what the kernel reports of a reset connection: the
// second call on it gets EPIPE.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
