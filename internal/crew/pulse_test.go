package crew

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/statistics"
)

// TestPulse has a worker do something now and then: it is told every interval while
// that goes on, the end of it included, and there is no timer otherwise.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var counters [2]statistics.Counters
		var told []time.Duration
		p := NewPulse(StatusInterval, func(statistics.Counts) { told = append(told, time.Since(began)) })
		for i := range counters {
			p.watch(&counters[i])
		}
		round := func(worker int, bytes uint64) {
			counters[worker].BytesToTarget.Add(bytes)
			p.Round(worker)
		}
		expect := func(want ...time.Duration) {
			t.Helper()
			synctest.Wait()
			if len(told) != len(want) {
				t.Fatalf("told after %v, want %v", told, want)
			}
			for i := range want {
				if told[i] != want[i] {
					t.Fatalf("told after %v, want %v", told, want)
				}
			}
			told = nil
		}
		round(0, 0) // a watchdog's, or so
		time.Sleep(time.Hour)
		expect()
		hour := time.Hour
		round(1, 1)
		time.Sleep(6 * time.Second)
		round(0, 1) // 1 s after it was told
		time.Sleep(time.Hour)
		expect(hour+5*time.Second, hour+10*time.Second)
		round(0, 0)
		round(1, 0)
		time.Sleep(time.Hour)
		expect()
		round(0, 5)
		time.Sleep(time.Second)
		p.End()
		time.Sleep(time.Hour)
		expect()
	})
}

// TestPulseAfterFailure has an engine fail when one of its workers has joined already, and
// another one take over: somebody is told of that one's work.
func TestPulseAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int32
		var passed atomic.Uint64
		policy := &forward.Policy{Workers: 2}
		services := Services{Pulse: NewPulse(time.Second, func(c statistics.Counts) { told.Add(1); passed.Store(c.Of[statistics.Passed]) })}
		newCrew(policy, services).Join(new(fakeWorker))
		crew, members := newCrew(policy, services), make([]fakeWorker, 2)
		for i := range members {
			crew.Join(&members[i])
		}
		for worker := range members {
			members[worker].counters.Served.Add(1)
			members[worker].counters.Passed.Add(1)
			services.Pulse.Round(worker)
			time.Sleep(time.Hour)
			if n := int(told.Load()); n != worker+1 {
				t.Errorf("told %d times after worker %d has done something", n, worker)
			}
			if n := int(passed.Load()); n != worker+1 {
				t.Errorf("told of %d descriptors, %d were passed on", n, worker+1)
			}
		}
	})
}

// TestPulseNobody has nobody to tell.
func TestPulseNobody(t *testing.T) {
	var p *Pulse
	p.serve(nil)
	p.watch(nil)
	p.Round(0)
	p.End()
}

// TestPulseSlow has somebody be told who takes his time: nothing piles up.
func TestPulseSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counters statistics.Counters
		release := make(chan struct{})
		times := 0
		p := NewPulse(time.Second, func(statistics.Counts) { times++; <-release })
		p.watch(&counters)
		for range 100 {
			counters.Served.Add(1)
			p.Round(0)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if times != 1 {
			t.Errorf("told %d times although the first has not come to an end", times)
		}
		close(release)
	})
}
