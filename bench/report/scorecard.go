package report

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/target"
)

// PrintTargets writes whether the targets were met, as a table for a terminal that follows
// earlier output. A run of our program alone has no targets.
func PrintTargets(out io.Writer, run *result.Run) {
	card := newScorecard(run, target.All())
	if card == nil {
		return
	}
	fmt.Fprint(out, "\ntargets:\n\n")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "scenario\tengine\tfigure\tagainst\ttarget\tmeasured\tmet")
	for _, l := range card.Lines {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Scenario, l.Peer, l.Figure, l.Against, l.Target, l.Found(), l.Verdict())
	}
	_ = table.Flush() // an error would show in the next write to out
	fmt.Fprintf(out, "\n%s\n", card.Summary())
}

// Verdict says whether the target was met, "-" if that is not known.
func (l targetLine) Verdict() string {
	switch {
	case l.Missing != "":
		return "-"
	case l.Met:
		return "yes"
	default:
		return "no"
	}
}

// Class returns the verdict as a CSS class.
func (l targetLine) Class() string {
	return map[string]string{"yes": "better", "no": "worse", "-": "same"}[l.Verdict()]
}

// Found returns what was measured, or why nothing was.
func (l targetLine) Found() string {
	if l.Missing != "" {
		return "not measured: " + l.Missing
	}
	return fmt.Sprintf("%s (%s)", l.Measured, l.Interval)
}

// boundText writes a bound, such as "≥ 3.5×" for a ratio or "≤ 2" for a figure.
func boundText(t target.Target) string {
	if t.Against != target.Nobody {
		return string(t.Relation) + " " + shortest(t.Value) + "×"
	}
	return string(t.Relation) + " " + named(t.Figure).human(t.Value, "")
}

func shortest(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

// apart writes a figure as usual, but with more digits if rounding would put it on the
// other side of its bound.
func apart(value float64, bound target.Bound, show func(float64) string) string {
	text := show(value)
	shown, err := strconv.ParseFloat(text, 64)
	if err != nil || bound.Met(shown) == bound.Met(value) {
		return text
	}
	for decimals := 3; ; decimals++ {
		text = strconv.FormatFloat(value, 'f', decimals, 64)
		if shown, err := strconv.ParseFloat(text, 64); err != nil || bound.Met(shown) == bound.Met(value) {
			return text
		}
	}
}
