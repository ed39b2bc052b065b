package metrics

import (
	"runtime"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/statistics"
)

// Source is where the figures come from.
type Source struct {
	Version string
	Policy  *forward.Policy
	Gate    *crew.Gate
	Engine  forward.Engine
}

// prefix is the namespace of all metrics but those of the process, whose names are
// common to all programs.
const prefix = statistics.Prefix

// write writes all metrics. No label has a value that a client chooses, so the number of
// time series is bounded.
func (s *Source) write(t *text) {
	// In the opposite order of the engine, which counts what a connection has done before
	// the connection leaves the gate: so any that is no longer open here has been counted.
	open := s.Gate.Current()
	sample := s.Engine.Sample()
	counts := s.Engine.Counters()
	s.about(t)
	t.single(prefix+"connections", gauge, float64(open), "Open connections.")
	t.single(prefix+"connections_max", gauge, float64(s.Gate.Limit()), "Maximum number of open connections.")
	writeTotals(t, &counts, false)
	t.distribution(&statistics.ConnectTimes, &counts)
	t.distribution(&statistics.LifeTimes, &counts)
	if s.Engine.Name() == "uring" {
		for _, g := range statistics.PoolGauges {
			t.single(prefix+g.Name, gauge, float64(*g.Of(&sample.Pool)), g.Help)
		}
		writeTotals(t, &counts, true)
		for _, r := range statistics.RingTotals {
			t.single(prefix+r.Name, counter, float64(*r.Of(&sample.Ring)), r.Help)
		}
	}
	writeProcess(t)
}

// about writes what is running.
func (s *Source) about(t *text) {
	t.family(prefix+"build_info", gauge, "Always 1; the labels give the program's version and the Go release that built it.")
	t.sample(prefix+"build_info", 1, label{"version", s.Version}, label{"goversion", runtime.Version()})
	t.family(prefix+"engine_info", gauge, "Always 1; the labels give the engine and the kernel.")
	t.sample(prefix+"engine_info", 1, label{"engine", s.Engine.Name()}, label{"kernel", kernel()})
	if features := s.Engine.Features(); len(features) > 0 {
		t.family(prefix+"feature_info", gauge, "Always 1, for each optional kernel feature that the engine uses.")
		for _, name := range features {
			t.sample(prefix+"feature_info", 1, label{"feature", name})
		}
	}
	t.single(prefix+"workers", gauge, float64(s.Policy.Workers), "Worker threads, which move the bytes.")
}

// kernel returns the release of the running kernel.
func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}

// writeTotals writes the counters, with those of the same metric together.
func writeTotals(t *text, c *statistics.Counts, uring bool) {
	written := make(map[string]bool)
	for _, first := range statistics.Totals {
		if first.Uring != uring || written[first.Name] {
			continue
		}
		written[first.Name] = true
		t.family(prefix+first.Name, counter, first.Help)
		for i, row := range statistics.Totals {
			switch {
			case row.Name != first.Name:
			case row.Label == "":
				t.sample(prefix+row.Name, float64(c.Of[i]))
			default:
				t.sample(prefix+row.Name, float64(c.Of[i]), label{row.Label, row.Value})
			}
		}
	}
}
