package main

import (
	"math"
	"time"

	"uring-socket-proxyd/internal/statistics"
)

// view is what is shown: figures, and their changes since the last poll. Unknown values
// are NaN.
type view struct {
	*figures
	last    *figures // nil after a restart of the proxy
	elapsed float64  // seconds since last
}

// times are a histogram's percentiles, in seconds.
type times struct{ p50, p90, p99 float64 }

func newView(last, now *figures) *view {
	v := &view{figures: now, last: last, elapsed: now.at.Sub(last.at).Seconds()}
	// A count that goes back shows a restart too, if nothing else does.
	if now.value(startTime, "") != last.value(startTime, "") || now.total(statistics.Accepted) < last.total(statistics.Accepted) {
		v.last = nil
	}
	return v
}

// rate is the growth of one of the proxy's counters per second.
func (v *view) rate(id statistics.ID) float64 { return v.growth(nameOf(id)) }

func (v *view) growth(name, label string) float64 {
	if v.last == nil || v.elapsed <= 0 {
		return math.NaN()
	}
	return (v.value(name, label) - v.last.value(name, label)) / v.elapsed
}

// refusals is the rate of refusals for all reasons together.
func (v *view) refusals() (perSecond float64) {
	for _, reason := range statistics.Refusals {
		perSecond += v.rate(reason)
	}
	return perSecond
}

// lately returns the percentiles since the last poll.
func (v *view) lately(h *statistics.Times) times {
	if v.last == nil {
		return quantiles(nil)
	}
	return quantiles(v.histogram(h.Name).since(v.last.histogram(h.Name)))
}

// ever returns the percentiles since the proxy started.
func (v *view) ever(h *statistics.Times) times { return quantiles(v.histogram(h.Name)) }

func quantiles(b buckets) times { return times{b.quantile(0.5), b.quantile(0.9), b.quantile(0.99)} }

// inUse is the fraction of buffers that the kernel cannot receive into now.
func (v *view) inUse() float64 {
	return 1 - v.own(statistics.PoolAvailable.Name, "")/v.own(statistics.PoolBuffers.Name, "")
}

// startTime is the metric that says when the proxy was started.
const startTime = "process_start_time_seconds"

// up is how long the proxy has been running.
func (v *view) up() time.Duration {
	started := v.value(startTime, "")
	if math.IsNaN(started) {
		return 0
	}
	return v.at.Sub(time.UnixMilli(int64(started * 1000)))
}
