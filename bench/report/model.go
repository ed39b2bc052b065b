package report

import (
	"fmt"
	"time"

	"uring-socket-proxyd/bench/report/chart"
	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/stats"
	"uring-socket-proxyd/bench/target"
)

// document is what Markdown and HTML show, computed once.
type document struct {
	Run      *result.Run
	Machine  []fact
	Overview *overview
	Targets  *scorecard
	Sections []section
	Missing  []result.Peer
	Peers    []result.Peer // peers that ran
	Palette  chart.Palette
}

// fact is a name with its value.
type fact struct{ Name, Value string }

// section is one scenario.
type section struct {
	Table   result.Table
	ID      string // unique, for anchors and file names
	Title   string
	Set     []fact   // how it was set up
	Columns []string // heads of the figures, the headline first
	Versus  []string // heads of the ratios, which are next to the headline
	Lines   []line
	Ratios  []ratioLine
	Panels  []chart.Panel
}

// line is one forwarder's row.
type line struct {
	Peer   string
	Ours   bool
	Fault  string // why it has no figures
	Cells  []cell
	Versus []*versus // nil: nothing to compare
}

// cell is a median, with the spread over the rounds.
type cell struct{ Median, Spread string }

// newDocument computes everything.
func newDocument(run *result.Run) *document {
	doc := &document{Run: run, Machine: machine(run), Palette: palette(run)}
	for _, peer := range run.Peers {
		if peer.Missing != "" {
			doc.Missing = append(doc.Missing, peer)
		} else {
			doc.Peers = append(doc.Peers, peer)
		}
	}
	for _, table := range run.Scenarios {
		doc.Sections = append(doc.Sections, doc.section(table))
	}
	doc.Overview = newOverview(run)
	doc.Targets = newScorecard(run, target.All())
	return doc
}

// machine returns the circumstances of the run.
func machine(run *result.Run) []fact {
	m := run.Machine
	return []fact{
		{"CPU", fmt.Sprintf("%s, %s", m.CPU, counted(m.Cores, "core"))},
		{"memory", binaryBytes(float64(m.Memory), "")},
		{"kernel", m.Kernel},
		{"Go", m.Go},
		{"started", run.Started.UTC().Format("2006-01-02 15:04:05 UTC")},
		{"took", (time.Duration(run.Seconds * float64(time.Second))).Round(time.Second).String()},
		{"seed", fmt.Sprint(run.Seed)},
	}
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

// section computes one scenario.
func (doc *document) section(table result.Table) section {
	run := doc.Run
	s := section{
		Table: table, ID: identifier(table), Title: title(table), Set: setUp(table),
		Panels: panels(table, doc.Palette),
	}
	shown := columns(table)
	for _, f := range shown {
		s.Columns = append(s.Columns, f.short)
	}
	others := opponents(run, table, headline(table))
	for _, other := range others {
		s.Versus = append(s.Versus, other.heading())
	}
	for _, row := range table.Rows {
		s.Lines = append(s.Lines, newLine(run, table, row, shown, others))
	}
	s.Ratios = ratios(run, table, shown)
	return s
}

// columns returns the figures that the scenario has, its headline first.
func columns(table result.Table) []figure {
	first := headline(table)
	shown := []figure{first}
	for _, f := range figures {
		if f.name != first.name && f.in(table) {
			shown = append(shown, f)
		}
	}
	return shown
}

func newLine(run *result.Run, table result.Table, row result.Row, shown []figure, others []opponent) line {
	l := line{Peer: row.Peer, Ours: ours(row.Peer), Fault: fault(row)}
	if l.Fault != "" {
		return l
	}
	for _, f := range shown {
		l.Cells = append(l.Cells, f.cell(row))
	}
	for _, other := range others {
		var shown *versus
		if v, ok := headline(table).against(row, other, run.Seed); ok {
			shown = &v
		}
		l.Versus = append(l.Versus, shown)
	}
	return l
}

// cell returns the figure of a row as text.
func (f figure) cell(row result.Row) cell {
	s := f.summary(row)
	if s.Count == 0 {
		return cell{}
	}
	unit := f.unit(row)
	c := cell{Median: f.human(s.Median, unit)}
	if s.Min != s.Max {
		c.Spread = span(f.human(s.Min, unit), f.human(s.Max, unit))
	}
	return c
}

// opponents returns what the rows of a scenario are compared with: only one, if the
// original is the best of the others.
func opponents(run *result.Run, table result.Table, f figure) (others []opponent) {
	if other, ok := reference(run, table); ok {
		others = append(others, other)
	}
	best, ok := bestOther(table, f)
	switch {
	case !ok:
	case len(others) > 0 && others[0].row.Peer == best.row.Peer:
		others[0].best = true
	default:
		others = append(others, best)
	}
	return others
}

// identifier returns a unique name of a scenario, for anchors and files.
func identifier(table result.Table) string {
	if table.Loop == "open" {
		return fmt.Sprintf("%s-open-%d", table.Name, table.Rate)
	}
	return table.Name
}

func title(table result.Table) string {
	if table.Loop == "open" {
		return fmt.Sprintf("%s, open loop at %s/s", table.Name, grouped(table.Rate))
	}
	return table.Name
}

// setUp returns how the scenario loads the forwarder.
func setUp(table result.Table) (facts []fact) {
	loop := "closed: the next request waits for the reply, so a slow forwarder is asked less often"
	if table.Loop == "open" {
		loop = fmt.Sprintf("open at %s per second: latency counts from when a request was due, free of coordinated omission", grouped(table.Rate))
	}
	facts = append(facts, fact{"loop", loop})
	if table.Connections > 0 {
		facts = append(facts, fact{"connections", grouped(table.Connections)})
	}
	if table.MessageSize > 0 {
		facts = append(facts, fact{"message", size(table.MessageSize)})
	}
	rounds := 0
	for _, row := range table.Rows {
		rounds = max(rounds, len(row.Rounds))
	}
	facts = append(facts, fact{"rounds", fmt.Sprintf("%s of %s s, interleaved", grouped(rounds), digits(table.Seconds))})
	if rounds < stats.MinRounds {
		facts = append(facts, fact{"verdicts", fmt.Sprintf("none: they take %d rounds", stats.MinRounds)})
	}
	return facts
}

// Width returns how many columns are to the right of the forwarder's name.
func (s section) Width() int { return len(s.Columns) + len(s.Versus) }
