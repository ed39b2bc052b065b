package forward

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
		policy := &Policy{Workers: 2, Pulse: NewPulse(time.Second, func(c statistics.Counts) { told.Add(1); passed.Store(c.Of[statistics.Passed]) })}
		NewCrew(policy).Join(new(fakeWorker))
		crew, members := NewCrew(policy), make([]fakeWorker, 2)
		for i := range members {
			crew.Join(&members[i])
		}
		for worker := range members {
			members[worker].counters.Served.Add(1)
			members[worker].counters.Passed.Add(1)
			policy.Pulse.Round(worker)
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

func TestStatus(t *testing.T) {
	p := &Policy{Gate: NewGate(4, nil), Limits: Limits{Connections: 4}}
	p.Gate.Admit()
	for _, test := range []struct {
		accepted, refused, toTarget, toClient uint64
		want                                  string
	}{
		{1, 0, 0, 0, "1 connection now, 1 since the start; 0 B to the target, 0 B to clients"},
		{7, 2, 1023, 1 << 20, "1 connection now, 7 since the start; 1023 B to the target, 1.0 MiB to clients; 2 refused at the limit of 4"},
		{0, 0, 1<<20 - 1, 1<<64 - 1, "1 connection now, 0 since the start; 1.0 MiB to the target, 16.0 EiB to clients"},
	} {
		var counts statistics.Counts
		counts.Of[statistics.Accepted], counts.Of[statistics.Refused] = test.accepted, test.refused
		counts.Of[statistics.BytesToTarget], counts.Of[statistics.BytesToClient] = test.toTarget, test.toClient
		if got := p.Status(counts); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}
