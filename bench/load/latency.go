package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"uring-socket-proxyd/bench/result"
)

const (
	// longestLatency is the largest that is distinguished from larger ones.
	longestLatency = time.Minute
	// digits is how many digits of each latency are kept.
	digits = 3
)

// latency collects latencies in nanoseconds.
type latency struct{ histogram *hdrhistogram.Histogram }

func newLatency() *latency {
	return &latency{hdrhistogram.New(1, int64(longestLatency), digits)}
}

func (l *latency) record(nanoseconds int64) {
	// It fails only out of range, and the value is clamped to the range.
	_ = l.histogram.RecordValue(min(max(nanoseconds, 1), int64(longestLatency)))
}

// take summarizes what was recorded and starts anew; nil if there was nothing.
func (l *latency) take() *result.Latency {
	defer l.histogram.Reset()
	return Summarize(l.histogram)
}

// Summarize turns a histogram of nanoseconds into a result; nil if it is empty.
func Summarize(h *hdrhistogram.Histogram) *result.Latency {
	if h.TotalCount() == 0 {
		return nil
	}
	at := func(percent float64) float64 { return micros(h.ValueAtQuantile(percent)) }
	summary := &result.Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: micros(h.Max())}
	for _, bracket := range h.CumulativeDistributionWithTicks(4) {
		summary.Curve = append(summary.Curve, result.Point{Quantile: bracket.Quantile / 100, Micros: micros(bracket.ValueAt)})
	}
	return summary
}

func micros(nanoseconds int64) float64 { return float64(nanoseconds) / 1e3 }
