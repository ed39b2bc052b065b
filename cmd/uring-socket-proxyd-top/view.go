package main

import (
	"math"
	"time"

	"uring-socket-proxyd/internal/statistics"
)

// view is what is shown: figures, and what they have changed by since the last look.
// What is not known is NaN.
type view struct {
	*figures
	last    *figures // nil after a restart of the proxy
	elapsed float64  // seconds since last
}

// times are a histogram's percentiles, in seconds.
type times struct{ p50, p90, p99 float64 }

func newView(last, now *figures) *view {
	v := &view{figures: now, last: last, elapsed: now.at.Sub(last.at).Seconds()}
	const began = "process_start_time_seconds"
	// Counts that go back tell of a restart too, should nothing else.
	if now.value(began, "") != last.value(began, "") || now.total(statistics.Accepted) < last.total(statistics.Accepted) {
		v.last = nil
	}
	return v
}

// rate is by how much one of the proxy's counters grows in a second.
func (v *view) rate(id statistics.ID) float64 { return v.growth(nameOf(id)) }

func (v *view) growth(name, label string) float64 {
	if v.last == nil || v.elapsed <= 0 {
		return math.NaN()
	}
	return (v.value(name, label) - v.last.value(name, label)) / v.elapsed
}

// refusals are all reasons together.
func (v *view) refusals() (perSecond float64) {
	for _, reason := range statistics.Refusals {
		perSecond += v.rate(reason)
	}
	return perSecond
}

// lately are the percentiles since the last look.
func (v *view) lately(h *statistics.Times) times {
	if v.last == nil {
		return quantiles(nil)
	}
	return quantiles(v.histogram(h.Name).since(v.last.histogram(h.Name)))
}

// ever are the percentiles since the proxy has started.
func (v *view) ever(h *statistics.Times) times { return quantiles(v.histogram(h.Name)) }

func quantiles(b buckets) times { return times{b.quantile(0.5), b.quantile(0.9), b.quantile(0.99)} }

// inUse is the part of the buffers that the kernel cannot receive into now.
func (v *view) inUse() float64 {
	return 1 - v.own(statistics.PoolAvailable.Name, "")/v.own(statistics.PoolBuffers.Name, "")
}

// up is how long the proxy has been running.
func (v *view) up() time.Duration {
	began := v.value("process_start_time_seconds", "")
	if math.IsNaN(began) {
		return 0
	}
	return v.at.Sub(time.UnixMilli(int64(began * 1000)))
}
