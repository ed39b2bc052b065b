package report

import (
	"math"

	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/stats"
)

// figure is one of the numbers that a round can have.
type figure struct {
	name   string // as in tables and in the comparison
	short  string // as the head of a column
	better stats.Direction
	value  func(result.Round) (float64, bool)
	human  func(value float64, unit string) string
}

// figures are all figures, in the order in which they are shown.
var figures = []figure{
	{"throughput", "throughput", stats.Higher, func(r result.Round) (float64, bool) { return deref(r.Rate) }, perSecond},
	{"time to first byte", "first byte", stats.Lower, func(r result.Round) (float64, bool) { return deref(r.ActivateSeconds) }, seconds},
	{"memory per idle connection", "memory per connection", stats.Lower, func(r result.Round) (float64, bool) { return deref(r.IdleBytes) }, binaryBytes},
	{"descriptors per idle connection", "descriptors per connection", stats.Lower, func(r result.Round) (float64, bool) { return deref(r.IdleDescriptors) }, plain},
	{"wake-ups while idle", "wake-ups", stats.Lower, func(r result.Round) (float64, bool) { return deref(r.IdleWakeups) }, wakeups},
	{"latency p50", "p50", stats.Lower, latency(func(l *result.Latency) float64 { return l.P50 }), micros},
	{"latency p90", "p90", stats.Lower, latency(func(l *result.Latency) float64 { return l.P90 }), micros},
	{"latency p99", "p99", stats.Lower, latency(func(l *result.Latency) float64 { return l.P99 }), micros},
	{"latency p99.9", "p99.9", stats.Lower, latency(func(l *result.Latency) float64 { return l.P999 }), micros},
	{"latency max", "max", stats.Lower, latency(func(l *result.Latency) float64 { return l.Max }), micros},
	{"CPU", "CPU", stats.Lower, func(r result.Round) (float64, bool) { return deref(r.CPU) }, withUnit},
	{"peak memory", "peak RSS", stats.Lower, func(r result.Round) (float64, bool) { return deref(r.PeakRSS) }, binaryBytes},
	{"descriptors", "descriptors", stats.Lower, func(r result.Round) (float64, bool) { return deref(r.Descriptors) }, plain},
	{"system calls per message", "syscalls/message", stats.Lower, func(r result.Round) (float64, bool) { return deref(r.Syscalls) }, plain},
}

// named returns the figure with that name.
func named(name string) figure {
	for _, f := range figures {
		if f.name == name {
			return f
		}
	}
	panic("report: no figure is called " + name)
}

func deref[T int | int64 | float64](pointer *T) (float64, bool) {
	if pointer == nil {
		return 0, false
	}
	return float64(*pointer), true
}

func latency(of func(*result.Latency) float64) func(result.Round) (float64, bool) {
	return func(r result.Round) (float64, bool) {
		if r.Latency == nil {
			return 0, false
		}
		return of(r.Latency), true
	}
}

// unit returns the unit of the figure, if the round has one.
func (f figure) unit(row result.Row) string {
	for _, round := range row.Rounds {
		switch {
		case f.name == "throughput" && round.Unit != "":
			return round.Unit
		case f.name == "CPU" && round.CPUUnit != "":
			return round.CPUUnit
		}
	}
	return ""
}

// values returns the figure round by round, with NaN if a round lacks it.
func (f figure) values(row result.Row) []float64 {
	values := make([]float64, len(row.Rounds))
	for i, round := range row.Rounds {
		values[i] = math.NaN()
		if v, ok := f.value(round); ok {
			values[i] = v
		}
	}
	return values
}

// summary returns the figure over all rounds that have it.
func (f figure) summary(row result.Row) stats.Summary {
	var values []float64
	for _, v := range f.values(row) {
		if !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return stats.Summarize(values)
}

// in reports whether any valid row of the scenario has the figure.
func (f figure) in(table result.Table) bool {
	for _, row := range table.Rows {
		if fault(row) == "" && f.summary(row).Count > 0 {
			return true
		}
	}
	return false
}

// headline returns the figure that a scenario is about. At a given rate throughput
// says nothing, so for an open loop it is the tail.
func headline(table result.Table) figure {
	names := []string{"throughput", "time to first byte", "memory per idle connection", "latency p99"}
	if table.Loop == "open" {
		names = []string{"latency p99", "throughput"}
	}
	for _, name := range names {
		if f := named(name); f.in(table) {
			return f
		}
	}
	return named("throughput")
}

// fault returns why a row does not count, "invalid: ..." or "skipped: ..."; empty if it
// counts.
func fault(row result.Row) string {
	if row.Skipped != "" {
		return "skipped: " + row.Skipped
	}
	if row.Invalid != "" {
		return "invalid: " + row.Invalid
	}
	for _, round := range row.Rounds {
		if len(round.Errors) > 0 {
			return "invalid: " + round.Errors[0]
		}
	}
	if len(row.Rounds) == 0 {
		return "invalid: no round was measured"
	}
	return ""
}
