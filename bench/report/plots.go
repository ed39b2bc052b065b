package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"uring-socket-proxyd/bench/report/chart"
	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/stats"
)

// barKind is a figure that is drawn as bars, and the sheet that shows its scenarios
// together.
type barKind struct {
	figure string
	unit   string // of the rounds; empty for any
	file   string
	title  string
	axis   string
	scale  float64 // from the unit of the result to that of the axis
}

var barKinds = []barKind{
	{"throughput", "req/s", "throughput-requests", "Throughput: requests", "thousand requests per second", 1e-3},
	{"throughput", "conn/s", "throughput-connections", "Throughput: connections", "thousand connections per second", 1e-3},
	{"throughput", "B/s", "throughput-streams", "Throughput: streams", "gigabytes per second", 1e-9},
	{"CPU", "s/Mreq", "cpu-requests", "CPU for requests", "CPU seconds per million requests", 1},
	{"CPU", "s/kconn", "cpu-connections", "CPU for connections", "CPU seconds per thousand connections", 1},
	{"CPU", "s/GB", "cpu-streams", "CPU for streams", "CPU seconds per gigabyte", 1},
	{"memory per idle connection", "", "idle-memory", "Memory of an idle connection", "KiB of system memory per connection", 1.0 / 1024},
	{"time to first byte", "", "activate", "Time to the first byte after activation", "milliseconds", 1e3},
}

// panel returns the scenario as bars of that kind, if it has the figure.
func (k barKind) panel(table result.Table, palette chart.Palette) (chart.Bars, bool) {
	f := named(k.figure)
	bars := chart.Bars{Title: title(table), Axis: k.axis, Palette: palette}
	if k.figure == "throughput" && table.Loop == "open" {
		return bars, false // an open loop's rate was given, not measured
	}
	drawn := 0
	for _, row := range table.Rows {
		bar, ok := k.bar(f, row)
		if !ok {
			continue
		}
		if bar.Absent == "" {
			drawn++
		}
		bars.Bars = append(bars.Bars, bar)
	}
	return bars, drawn > 0
}

// bar returns the bar for one row. A row that was skipped, or that lacks the figure as
// direct lacks the proxy's CPU, has none.
func (k barKind) bar(f figure, row result.Row) (chart.Bar, bool) {
	if row.Skipped != "" {
		return chart.Bar{}, false
	}
	if fault(row) != "" {
		return chart.Bar{Name: row.Peer, Absent: "invalid"}, true
	}
	s := f.summary(row)
	if s.Count == 0 || k.unit != "" && f.unit(row) != k.unit {
		return chart.Bar{}, false
	}
	return chart.Bar{
		Name: row.Peer, Label: digits(s.Median * k.scale),
		Value: s.Median * k.scale, Low: s.Min * k.scale, High: s.Max * k.scale,
	}, true
}

// palette returns the palette for all forwarders of the run.
func palette(run *result.Run) chart.Palette {
	var names []string
	for _, peer := range run.Peers {
		names = append(names, peer.Name)
	}
	for _, table := range run.Scenarios {
		for _, row := range table.Rows {
			names = append(names, row.Peer)
		}
	}
	return chart.NewPalette(names)
}

// panels returns all plots of one scenario.
func panels(table result.Table, palette chart.Palette) (all []chart.Panel) {
	for _, kind := range barKinds {
		if panel, ok := kind.panel(table, palette); ok {
			panel.Title = kind.title
			all = append(all, panel)
		}
	}
	if panel, ok := latencyPanel(table, palette); ok {
		panel.Title = "Latency"
		all = append(all, panel)
	}
	return all
}

// figures returns the sheets of the whole run.
func (doc *document) figures() (sheets []chart.Figure) {
	for _, kind := range barKinds {
		sheet := chart.Figure{File: kind.file, Title: kind.title}
		for _, s := range doc.Sections {
			if panel, ok := kind.panel(s.Table, doc.Palette); ok {
				sheet.Panels = append(sheet.Panels, panel)
			}
		}
		if len(sheet.Panels) > 0 {
			sheets = append(sheets, sheet)
		}
	}
	for _, s := range doc.Sections {
		if panel, ok := latencyPanel(s.Table, doc.Palette); ok {
			panel.Title = "Latency of " + panel.Title
			sheets = append(sheets, chart.Figure{File: "latency-" + s.ID, Panels: []chart.Panel{panel}})
		}
	}
	return sheets
}

// curveQuantiles are where a curve is drawn: evenly on the axis of the tail, and
// exactly at the marked ones.
var curveQuantiles = func() []float64 {
	quantiles := slices.Clone(chart.Marked)
	for tail := 0.4; tail < 3; tail += 0.1 {
		if math.Abs(tail-math.Round(tail)) > 0.01 {
			quantiles = append(quantiles, 1-math.Pow(10, -tail))
		}
	}
	slices.Sort(quantiles)
	return quantiles
}()

// latencyPanel draws the median over the rounds at each percentile.
func latencyPanel(table result.Table, palette chart.Palette) (chart.Curves, bool) {
	panel := chart.Curves{Title: title(table), Palette: palette}
	for _, row := range table.Rows {
		if fault(row) != "" {
			continue
		}
		if points := medianCurve(row); len(points) > 0 {
			panel.Curves = append(panel.Curves, chart.Curve{Name: row.Peer, Points: points})
		}
	}
	return panel, len(panel.Curves) > 0
}

func medianCurve(row result.Row) (points []chart.Point) {
	for _, quantile := range curveQuantiles {
		var micros []float64
		for _, round := range row.Rounds {
			if round.Latency == nil {
				continue
			}
			if at := latencyAt(round.Latency, quantile); at > 0 {
				micros = append(micros, at)
			}
		}
		if len(micros) > 0 {
			points = append(points, chart.Point{Quantile: quantile, Micros: stats.Median(micros)})
		}
	}
	return points
}

// latencyAt returns a round's latency at a quantile: as reported, or interpolated between
// the neighbours on the curve, on the plot's logarithmic axes.
func latencyAt(l *result.Latency, quantile float64) float64 {
	known := []result.Point{{Quantile: 0.5, Micros: l.P50}, {Quantile: 0.9, Micros: l.P90}, {Quantile: 0.99, Micros: l.P99}, {Quantile: 0.999, Micros: l.P999}}
	for _, point := range known {
		if point.Quantile == quantile {
			return point.Micros
		}
	}
	if len(l.Curve) > 1 {
		known = l.Curve
	}
	for i := 1; i < len(known); i++ {
		a, b := known[i-1], known[i]
		if a.Quantile <= quantile && quantile <= b.Quantile && a.Quantile < b.Quantile && b.Quantile < 1 && a.Micros > 0 {
			share := (chart.Tail(quantile) - chart.Tail(a.Quantile)) / (chart.Tail(b.Quantile) - chart.Tail(a.Quantile))
			return a.Micros * math.Pow(b.Micros/a.Micros, share)
		}
	}
	return math.NaN()
}

// describe says in words what a plot shows, for readers who cannot see it.
func describe(s section, panel chart.Panel) string {
	var parts []string
	switch p := panel.(type) {
	case chart.Bars:
		for _, bar := range p.Bars {
			parts = append(parts, bar.Name+" "+bar.Label+bar.Absent)
		}
		return fmt.Sprintf("Bars, %s, %s: %s", s.Title, p.Axis, strings.Join(parts, ", "))
	case chart.Curves:
		for _, curve := range p.Curves {
			parts = append(parts, curve.Name)
		}
		return fmt.Sprintf("Curves, %s, latency over percentile of %s; the table has the values", s.Title, strings.Join(parts, ", "))
	}
	return panel.Name()
}
