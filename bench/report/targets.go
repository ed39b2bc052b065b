package report

import (
	"fmt"
	"slices"

	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/target"
)

// scorecard is the targets and whether they were met.
type scorecard struct {
	Lines     []targetLine
	Elsewhere int // targets of scenarios that did not run
}

// targetLine is one target.
type targetLine struct {
	Scenario, ID, Peer, Figure string
	Against                    string
	Target                     string
	Measured, Interval         string
	Missing                    string // why nothing was measured
	Met                        bool
}

// newScorecard returns nil for a run without targets. A run of our program alone has none,
// such as one of io_uring's features: the targets are about how it compares with others.
func newScorecard(run *result.Run, targets []target.Target) *scorecard {
	if !slices.ContainsFunc(run.Peers, func(peer result.Peer) bool { return !ours(peer.Name) }) {
		return nil
	}
	card := new(scorecard)
	for _, t := range targets {
		if _, missing := closedTable(run, t.Scenario); missing == didNotRun {
			card.Elsewhere++
		} else {
			card.Lines = append(card.Lines, newTargetLine(run, t))
		}
	}
	if len(card.Lines) == 0 {
		return nil
	}
	return card
}

// Summary returns "30 of 46 targets met", and how many could not be checked.
func (c *scorecard) Summary() string {
	met, missing := 0, 0
	for _, l := range c.Lines {
		switch {
		case l.Missing != "":
			missing++
		case l.Met:
			met++
		}
	}
	summary := fmt.Sprintf("%d of %d targets met", met, len(c.Lines))
	if missing > 0 {
		summary += fmt.Sprintf(", %d not measured", missing)
	}
	if c.Elsewhere > 0 {
		summary += fmt.Sprintf("; %d more are about scenarios that did not run", c.Elsewhere)
	}
	return summary
}

// newTargetLine compares what was measured with a target.
func newTargetLine(run *result.Run, t target.Target) targetLine {
	f := named(t.Figure)
	l := targetLine{Scenario: t.Scenario, Peer: t.Peer, Figure: f.short, Against: string(t.Against), Target: boundText(t)}
	table, missing := closedTable(run, t.Scenario)
	if missing != "" {
		l.Missing = missing
		return l
	}
	l.ID = identifier(table)
	row, missing := countingRow(run, table, t.Peer)
	if missing != "" {
		l.Missing = missing
		return l
	}
	if t.Against == target.Nobody {
		l.absolute(f, row, t)
		return l
	}
	l.relative(run, f, table, row, t)
	return l
}

// absolute fills in a figure that counts on its own, with the range of its rounds.
func (l *targetLine) absolute(f figure, row result.Row, t target.Target) {
	s := f.summary(row)
	if s.Count == 0 {
		l.Missing = "no round has the figure"
		return
	}
	low, high := f.human(s.Min, ""), f.human(s.Max, "")
	l.Measured, l.Interval = apart(s.Median, t.Bound, func(v float64) string { return f.human(v, "") }), span(low, high)
	l.Met = t.Met(s.Median)
}

// relative fills in a ratio, with its interval.
func (l *targetLine) relative(run *result.Run, f figure, table result.Table, row result.Row, t target.Target) {
	other, missing := adversary(run, f, table, t.Against)
	if missing != "" {
		l.Missing = missing
		return
	}
	if t.Against == target.Best {
		l.Against = "best: " + other.row.Peer
	}
	v, ok := f.against(row, other, run.Seed)
	if !ok {
		l.Missing = "no round of both has the figure"
		return
	}
	l.Measured = apart(v.Ratio.Median, t.Bound, digits) + "×"
	l.Interval = span(digits(v.Ratio.Low), digits(v.Ratio.High))
	l.Met = t.Met(v.Ratio.Median)
}

// adversary returns the opponent of a target, or why there is none. A substitute for the
// original, in a run without it, does not count here.
func adversary(run *result.Run, f figure, table result.Table, against target.Against) (other opponent, missing string) {
	if against == target.Original {
		row, missing := countingRow(run, table, string(target.Original))
		return opponent{row: row, reference: true}, missing
	}
	other, ok := bestOther(table, f)
	if !ok {
		return other, "no other has the figure"
	}
	return other, ""
}

const didNotRun = "the scenario did not run"

// closedTable returns a scenario in a closed loop, which is what the targets are for, or
// why there is none.
func closedTable(run *result.Run, scenario string) (table result.Table, missing string) {
	missing = didNotRun
	for _, table := range run.Scenarios {
		switch {
		case table.Name != scenario:
		case table.Loop == "open":
			missing = "the loop was open"
		default:
			return table, ""
		}
	}
	return table, missing
}

// countingRow returns a peer's row, or why it has none that counts; the rest of the
// report has the details.
func countingRow(run *result.Run, table result.Table, peer string) (row result.Row, missing string) {
	for _, row := range table.Rows {
		switch {
		case row.Peer != peer:
		case row.Skipped != "":
			return row, peer + " was skipped"
		case fault(row) != "":
			return row, "the row of " + peer + " is invalid"
		default:
			return row, ""
		}
	}
	for _, p := range run.Peers {
		if p.Name == peer && p.Missing != "" {
			return row, peer + " is missing"
		}
	}
	return row, peer + " took no part"
}
