package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// usual is the order of the usual counts; the rest follow by name.
var usual = []string{"faults", "connections", "cases", "seeds", "steps", "bytes"}

// table has a row for each suite, and the sums. There are columns only for what some suite
// has counted.
type table struct {
	suites  []suite
	counted []string // what the columns count
	totals  map[string]int64
	kernels int // number of different kernels
	seconds float64
	failed  []string // names of suites
}

func newTable(suites []suite) *table {
	t := &table{suites: suites, totals: make(map[string]int64)}
	kernels := make(map[string]bool)
	for _, s := range suites {
		for what, n := range s.Counts {
			t.totals[what] += n
		}
		kernels[s.Kernel] = true
		t.seconds += s.Seconds
		if !s.Passed {
			t.failed = append(t.failed, s.Name)
		}
	}
	t.kernels = len(kernels)
	maps.DeleteFunc(t.totals, func(_ string, n int64) bool { return n == 0 })
	t.counted = slices.SortedFunc(maps.Keys(t.totals), inOrder(usual))
	return t
}

// inOrder compares by position in first; names that are not in it come last, in
// alphabetical order.
func inOrder(first []string) func(a, b string) int {
	place := func(s string) int {
		if i := slices.Index(first, s); i >= 0 {
			return i
		}
		return len(first)
	}
	return func(a, b string) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) }
}

// header returns the names of the columns.
func (t *table) header() []string {
	return slices.Concat([]string{"suite", "kernel"}, t.counted, []string{"seconds"})
}

// row returns the cells of a suite.
func (t *table) row(s suite) []string {
	name := s.Name
	if !s.Passed {
		name += " (failed)"
	}
	cells := []string{name, s.Kernel}
	for _, what := range t.counted {
		cells = append(cells, number(what, s.Counts[what]))
	}
	return append(cells, strconv.FormatFloat(s.Seconds, 'f', 0, 64))
}

// sum sums up all suites in a sentence, which always mentions faults, kernels and
// connections.
func (t *table) sum() string {
	tried := []string{
		grouped(t.totals["faults"]) + " faults",
		grouped(t.totals["connections"]) + " connections",
	}
	for _, what := range t.counted {
		switch what {
		case "faults", "connections":
		case "bytes":
			tried = append(tried, size(t.totals[what]))
		default:
			tried = append(tried, grouped(t.totals[what])+" "+what)
		}
	}
	sum := fmt.Sprintf("%s, %s, %.0f s: %s", plural(len(t.suites), "suite"), plural(t.kernels, "kernel"), t.seconds, strings.Join(tried, ", "))
	if len(t.failed) > 0 {
		sum += "; FAILED: " + strings.Join(t.failed, ", ")
	}
	return sum
}

// print writes the table for a terminal.
func (t *table) print(out io.Writer) error {
	aligned := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(aligned, strings.ToUpper(strings.Join(t.header(), "\t")))
	for _, s := range t.suites {
		fmt.Fprintln(aligned, strings.Join(t.row(s), "\t"))
	}
	if err := aligned.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, t.sum())
	return err
}

// markdown writes the table for a document.
func (t *table) markdown() string {
	var out strings.Builder
	line := func(cells []string) { out.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.header())
	line(slices.Concat([]string{"---", "---"}, slices.Repeat([]string{"---:"}, len(t.counted)+1)))
	for _, s := range t.suites {
		line(t.row(s))
	}
	out.WriteString("\n" + t.sum() + ".\n")
	return out.String()
}

// number writes a count, or nothing if it is 0, so that the other counts stand out.
func number(what string, n int64) string {
	switch {
	case n == 0:
		return ""
	case what == "bytes":
		return size(n)
	}
	return grouped(n)
}

// grouped writes a number with separators between thousands.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// size writes a number of bytes.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n)/1024, []string{"KiB", "MiB", "GiB", "TiB"}
	for value >= 1024 && len(units) > 1 {
		value, units = value/1024, units[1:]
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
