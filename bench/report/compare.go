package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/stats"
)

// Compare writes, for each scenario, forwarder and figure that both runs have, whether it
// got better or worse. Runs with different layouts are refused; anything else that makes
// the two hard to compare is mentioned in lines that begin with "warning:".
func Compare(out io.Writer, old, new *result.Run) error {
	if old.Version != new.Version {
		return fmt.Errorf("the old run has layout version %d, the new one %d: their figures may not mean the same; run the old program's benchmark again with this proxy-bench", old.Version, new.Version)
	}
	c := &comparison{old: old, new: new}
	for _, warning := range c.warnings() {
		c.line("warning: %s", warning)
	}
	for _, table := range new.Scenarios {
		c.scenario(table)
	}
	for _, table := range old.Scenarios {
		if _, ok := find(new, table); !ok {
			c.line("%s: only in the old run", title(table))
		}
	}
	c.summary()
	_, err := io.WriteString(out, c.text.String())
	return err
}

// comparison collects the text, and counts the verdicts.
type comparison struct {
	old, new *result.Run
	text     strings.Builder
	verdicts map[stats.Verdict]int
}

func (c *comparison) line(format string, arguments ...any) {
	fmt.Fprintf(&c.text, format+"\n", arguments...)
}

// warnings returns what differs between the runs, apart from the forwarders.
func (c *comparison) warnings() (warnings []string) {
	for _, f := range []struct {
		name     string
		old, new any
	}{
		{"CPU", c.old.Machine.CPU, c.new.Machine.CPU},
		{"number of cores", c.old.Machine.Cores, c.new.Machine.Cores},
		{"memory in bytes", c.old.Machine.Memory, c.new.Machine.Memory},
		{"kernel", c.old.Machine.Kernel, c.new.Machine.Kernel},
		{"Go version", c.old.Machine.Go, c.new.Machine.Go},
	} {
		if f.old != f.new {
			warnings = append(warnings, fmt.Sprintf("the runs are from different machines: %s was %v, is %v; a verdict may be the machine's, not the forwarder's", f.name, f.old, f.new))
		}
	}
	for _, peer := range c.new.Peers {
		for _, before := range c.old.Peers {
			if before.Name == peer.Name && before.Version != peer.Version && !ours(peer.Name) {
				warnings = append(warnings, fmt.Sprintf("%s was %q, is %q", peer.Name, before.Version, peer.Version))
			}
		}
	}
	return warnings
}

// find returns the same scenario in another run.
func find(run *result.Run, table result.Table) (result.Table, bool) {
	for _, other := range run.Scenarios {
		if identifier(other) == identifier(table) {
			return other, true
		}
	}
	return result.Table{}, false
}

// scenario compares one scenario's rows.
func (c *comparison) scenario(table result.Table) {
	before, ok := find(c.old, table)
	switch {
	case !ok:
		c.line("%s: only in the new run", title(table))
		return
	case before.Connections != table.Connections || before.MessageSize != table.MessageSize:
		c.line("%s: not compared, it was %d connections with messages of %d bytes and is %d with %d",
			title(table), before.Connections, before.MessageSize, table.Connections, table.MessageSize)
		return
	}
	c.line("\n%s", title(table))
	if before.Seconds != table.Seconds {
		c.line("warning: rounds took %g s and take %g s", before.Seconds, table.Seconds)
	}
	columns := tabwriter.NewWriter(&c.text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "  forwarder\tfigure\told\tnew\tnew/old (95 %)\tverdict")
	for _, row := range table.Rows {
		c.row(columns, before, row)
	}
	columns.Flush()
}

// row compares one forwarder's figures.
func (c *comparison) row(columns io.Writer, before result.Table, row result.Row) {
	var old *result.Row
	for i := range before.Rows {
		if before.Rows[i].Peer == row.Peer {
			old = &before.Rows[i]
		}
	}
	switch {
	case old == nil:
		fmt.Fprintf(columns, "  %s\tonly in the new run\n", row.Peer)
		return
	case fault(*old) != "":
		fmt.Fprintf(columns, "  %s\tthe old row is %s\n", row.Peer, fault(*old))
		return
	case fault(row) != "":
		fmt.Fprintf(columns, "  %s\tthe new row is %s\n", row.Peer, fault(row))
		return
	}
	for _, f := range figures {
		switch was, is := f.summary(*old).Count, f.summary(row).Count; {
		case was == 0 && is == 0:
			continue // it is not a figure of this scenario
		case was == 0:
			fmt.Fprintf(columns, "  %s\t%s\tonly in the new run\n", row.Peer, f.name)
			continue
		case is == 0:
			fmt.Fprintf(columns, "  %s\t%s\tonly in the old run\n", row.Peer, f.name)
			continue
		}
		ratio := stats.Unpaired(f.values(row), f.values(*old), c.new.Seed)
		verdict := ratio.Verdict(f.better)
		c.count(verdict)
		fmt.Fprintf(columns, "  %s\t%s\t%s\t%s\t%s\t%s\n", row.Peer, f.name, f.cell(*old).Median, f.cell(row).Median,
			versus{ratio, verdict}.Text(), verdict)
	}
}

func (c *comparison) count(verdict stats.Verdict) {
	if c.verdicts == nil {
		c.verdicts = make(map[stats.Verdict]int)
	}
	c.verdicts[verdict]++
}

// summary ends with how many of the differences chance explains.
func (c *comparison) summary() {
	total := 0
	for _, n := range c.verdicts {
		total += n
	}
	c.line("\n%s compared: %d better, %d worse, %d same", counted(total, "figure"),
		c.verdicts[stats.Better], c.verdicts[stats.Worse], c.verdicts[stats.Same])
	if few := c.verdicts[stats.TooFew]; few > 0 {
		c.line("%d without a verdict, which takes %d rounds in both runs", few, stats.MinRounds)
	}
	c.line("A 95 %% interval misses one time in 20: about %d of the verdicts would be there without any change. The row \"direct\" passes no forwarder: what moves there is the machine.", (total+10)/20)
}
