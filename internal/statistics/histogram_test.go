package statistics

import (
	"testing"
	"time"
)

func TestHistogramBuckets(t *testing.T) {
	for _, bounds := range []*Bounds{&ConnectBounds, &LifeBounds} {
		for i, bound := range bounds {
			if i > 0 && bound <= bounds[i-1] {
				t.Errorf("bound %d, %v, is not above the one before", i, bound)
			}
			var h Histogram
			h.Observe(bounds, bound)
			h.Observe(bounds, bound+1)
			var d Distribution
			d.add(&h)
			if d.Buckets[i] != 1 || d.Buckets[i+1] != 1 || d.Count() != 2 || d.Sum != 2*bound+1 {
				t.Errorf("after %v and a nanosecond more: %+v", bound, d)
			}
		}
	}
}

func TestHistogramTakesAnything(t *testing.T) {
	var h Histogram
	h.Observe(&ConnectBounds, -time.Second) // a clock that steps back counts as no time
	h.Observe(&ConnectBounds, 0)
	h.Observe(&ConnectBounds, 1<<62)
	var d Distribution
	d.add(&h)
	if d.Buckets[0] != 2 || d.Buckets[histogramBounds] != 1 || d.Sum != 1<<62 {
		t.Errorf("%+v", d)
	}
}

func TestStopwatchAtRest(t *testing.T) {
	var counters Counters
	rest := NewStopwatch(false)
	rest.Connected(&counters, rest.Now())
	rest.Ended(&counters, rest.Now())
	var counts Counts
	counts.Add(&counters)
	if rest.Now() != 0 || counts.Connects.Count() != 0 || counts.Lives.Count() != 0 {
		t.Errorf("a stopwatch that does not run has counted: %+v", counts)
	}
	running := NewStopwatch(true)
	began := running.Now()
	running.Connected(&counters, began)
	running.Ended(&counters, began)
	counts.Add(&counters)
	if counts.Connects.Count() != 1 || counts.Lives.Count() != 1 || counts.Connects.Sum <= 0 {
		t.Errorf("a stopwatch that runs has counted %+v", counts)
	}
}

// BenchmarkTimedConnection is all that counting the time of a connection takes.
func BenchmarkTimedConnection(b *testing.B) {
	for _, runs := range []bool{false, true} {
		b.Run(map[bool]string{false: "off", true: "on"}[runs], func(b *testing.B) {
			var counters Counters
			watch := NewStopwatch(runs)
			for b.Loop() {
				began := watch.Now()
				watch.Connected(&counters, began)
				watch.Ended(&counters, began)
			}
		})
	}
}
