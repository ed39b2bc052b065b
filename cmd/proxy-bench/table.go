package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/stats"
)

// printTable writes one line per scenario with each peer's main figure, and below them
// what is invalid, skipped or flagged. It returns how many rows are invalid.
func printTable(out io.Writer, run *result.Run) (invalid int) {
	var peers []string
	for _, p := range run.Peers {
		if p.Missing == "" {
			peers = append(peers, p.Name)
		}
	}
	var notes []string
	for _, p := range run.Peers {
		if p.Missing != "" {
			notes = append(notes, fmt.Sprintf("missing: %s: %s", p.Name, p.Missing))
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\t%s\t\n", strings.Join(peers, "\t"))
	for i := range run.Scenarios {
		scenario := &run.Scenarios[i]
		cells := make([]string, 1+len(peers)) // empty for a peer that takes no part
		cells[0] = scenario.Name
		for j := range scenario.Rows {
			row := &scenario.Rows[j]
			if at := slices.Index(peers, row.Peer); at >= 0 {
				cells[1+at] = cell(row)
			}
			switch {
			case row.Invalid != "":
				invalid++
				notes = append(notes, fmt.Sprintf("invalid: %s, %s: %s", scenario.Name, row.Peer, row.Invalid))
			case row.Skipped != "":
				notes = append(notes, fmt.Sprintf("left out: %s, %s: %s", scenario.Name, row.Peer, row.Skipped))
			}
		}
		for _, flag := range scenario.Flags {
			notes = append(notes, fmt.Sprintf("flag: %s: %s", scenario.Name, flag))
		}
		fmt.Fprintf(table, "%s\t\n", strings.Join(cells, "\t"))
	}
	_ = table.Flush() // an error would show in the next write to out
	if len(notes) > 0 {
		fmt.Fprintf(out, "\n%s\n", strings.Join(notes, "\n"))
	}
	return invalid
}

// cell writes the median of a row's main figure.
func cell(row *result.Row) string {
	switch {
	case row.Invalid != "":
		return "invalid"
	case len(row.Rounds) == 0:
		return "-"
	}
	var values []float64
	unit := ""
	for i := range row.Rounds {
		value, u := mainFigure(&row.Rounds[i])
		values, unit = append(values, value), u
	}
	return human(stats.Median(values), unit)
}

// mainFigure returns the figure that a scenario is about.
func mainFigure(r *result.Round) (value float64, unit string) {
	switch {
	case r.Rate != nil:
		return *r.Rate, r.Unit
	case r.ActivateSeconds != nil:
		return *r.ActivateSeconds * 1e3, "ms"
	case r.IdleBytes != nil:
		return *r.IdleBytes / 1024, "KiB"
	default:
		return 0, ""
	}
}

// human shortens a figure: 1234567 B/s becomes 1.23 MB/s.
func human(value float64, unit string) string {
	if !strings.HasSuffix(unit, "/s") {
		return fmt.Sprintf("%.3g %s", value, unit)
	}
	prefixes := []string{"", "k", "M", "G"}
	for len(prefixes) > 1 && value >= 999.5 {
		value, prefixes = value/1000, prefixes[1:]
	}
	if unit == "B/s" {
		return fmt.Sprintf("%.3g %s%s", value, prefixes[0], unit)
	}
	return fmt.Sprintf("%.3g %s/s", value, prefixes[0])
}
