package report

import "uring-socket-proxyd/bench/result"

// overview is how our engines did, in a line for each scenario and engine.
type overview struct {
	Reference string // what the first ratio is against
	Others    bool   // there are forwarders other than ours
	Lines     []overviewLine
}

// overviewLine is one of our rows by its scenario's headline.
type overviewLine struct {
	Scenario, ID, Peer, Figure, Value, Fault string

	Reference *versus // against the original; nil: nothing to compare
	Best      *versus // against the best other
	BestPeer  string
}

// newOverview returns nil for a run without a row of ours.
func newOverview(run *result.Run) *overview {
	o := &overview{Reference: referenceName(run)}
	for _, table := range run.Scenarios {
		for _, row := range table.Rows {
			if ours(row.Peer) {
				l := newOverviewLine(run, table, row)
				o.Others = o.Others || l.Best != nil
				o.Lines = append(o.Lines, l)
			}
		}
	}
	if len(o.Lines) == 0 {
		return nil
	}
	return o
}

func newOverviewLine(run *result.Run, table result.Table, row result.Row) overviewLine {
	f := headline(table)
	l := overviewLine{Scenario: title(table), ID: identifier(table), Peer: row.Peer, Figure: f.name, Fault: fault(row)}
	if l.Fault != "" {
		return l
	}
	l.Value = f.cell(row).Median
	for _, v := range versusAll(run, table, row, f) {
		if v.other.reference {
			l.Reference = &v.versus
		}
		if v.other.best {
			l.Best, l.BestPeer = &v.versus, v.other.row.Peer
		}
	}
	return l
}

// headedVersus is a ratio with its opponent.
type headedVersus struct {
	versus
	other opponent
}

// Heading names the opponent.
func (v headedVersus) Heading() string { return v.other.heading() }

// versusAll compares a row with all opponents.
func versusAll(run *result.Run, table result.Table, row result.Row, f figure) (all []headedVersus) {
	for _, other := range opponents(run, table, f) {
		if v, ok := f.against(row, other, run.Seed); ok {
			all = append(all, headedVersus{v, other})
		}
	}
	return all
}

// ratioLine is one figure of one of our rows, compared.
type ratioLine struct {
	Peer, Figure, Value string
	Versus              []headedVersus
}

// ratios compares every figure of our rows, including the headline.
func ratios(run *result.Run, table result.Table, shown []figure) (lines []ratioLine) {
	for _, row := range table.Rows {
		if !ours(row.Peer) || fault(row) != "" {
			continue
		}
		for _, f := range shown {
			if all := versusAll(run, table, row, f); len(all) > 0 {
				lines = append(lines, ratioLine{row.Peer, f.name, f.cell(row).Median, all})
			}
		}
	}
	return lines
}
