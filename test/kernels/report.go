package kernels

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// report is all that is known of one kernel after its guest has ended.
type report struct {
	guest   *guest
	probe   probe
	results []result
	counts  map[string]int64 // what its suites counted, such as "connections"
}

// probe is what --probe=json answers.
type probe struct {
	Kernel, Engine, Reason string
	Features               []feature
}

type feature struct {
	Name, Since string
	Present     *bool // not known where io_uring is refused
	Used        bool
}

// says is a feature's cell in the table.
func (f feature) says() string {
	switch {
	case f.Used:
		return "used"
	case f.Present == nil:
		return "not tried"
	case *f.Present:
		return "there"
	}
	return "no"
}

func (r *report) failedIn(suite string) bool {
	return slices.ContainsFunc(r.results, func(c result) bool { return c.suite == suite && c.outcome == "fail" })
}

// missing are those of the required cases of which nothing ran with one of the
// engines: a list of names that nothing matches would show nothing.
func (r *report) missing(s suite, required []string) (names []string) {
	for _, name := range required {
		for _, engine := range r.guest.Engines {
			if !slices.ContainsFunc(r.results, func(c result) bool {
				return c.suite == s.name() && c.engine == engine && (c.name == name || strings.HasPrefix(c.name, name+"/"))
			}) {
				names = append(names, name+" with "+engine)
			}
		}
	}
	return names
}

// count is how many cases had an outcome.
func (r *report) count(outcome string) (n int) {
	for _, c := range r.results {
		if c.outcome == outcome {
			n++
		}
	}
	return n
}

// introduction heads the document.
const introduction = `# Kernels it was tested on

The suites are run on Debian's own kernels for amd64, each booted in a virtual machine.
` + "`make kernels-docs`" + ` writes this file, ` + "`make kernels`" + ` does the same without writing it,
and ` + "`make test`" + ` runs the core on 5.10 and 6.1. A skipped case counts as a failure, and so
does a kernel warning.

`

const coreOnly = "The tables show the core of the suites (`KERNELS_CASES=core`): the cases that depend on\nthe kernel most.\n\n"

// markdown writes the tables.
func markdown(all []*report, r run) string {
	var text strings.Builder
	text.WriteString(introduction)
	if !r.everything {
		text.WriteString(coreOnly)
	}
	overview(&text, all)
	text.WriteString("\n## io_uring features\n\nWhat `--probe` reports: the feature is used, there but not used, or missing. The last line\nis the engine that `--engine=auto` chooses.\n\n")
	features(&text, all)
	for _, s := range suites {
		if cases := caseNames(all, s.name()); len(cases) > 0 {
			fmt.Fprintf(&text, "\n## %s\n\n", s.Package)
			matrix(&text, all, s.name(), cases)
			leftOut(&text, s)
		}
	}
	return text.String()
}

func row(text *strings.Builder, cells ...string) {
	fmt.Fprintf(text, "| %s |\n", strings.Join(cells, " | "))
}

func rule(text *strings.Builder, columns int) {
	row(text, slices.Repeat([]string{"---"}, columns)...)
}

func overview(text *strings.Builder, all []*report) {
	row(text, "kernel", "Debian's package version", "cases", "failed", "skipped", "connections")
	rule(text, 6)
	for _, r := range all {
		row(text, r.guest.Release, r.guest.Version, fmt.Sprint(len(r.results)), fmt.Sprint(r.count("fail")), fmt.Sprint(r.count("skip")), fmt.Sprint(r.counts["connections"]))
	}
}

func features(text *strings.Builder, all []*report) {
	heads := []string{"feature", "since"}
	for _, r := range all {
		heads = append(heads, r.guest.Release)
	}
	row(text, heads...)
	rule(text, len(heads))
	if len(all) == 0 {
		return
	}
	for n, f := range all[0].probe.Features {
		cells := []string{f.Name, f.Since}
		for _, r := range all {
			cell := "?"
			if n < len(r.probe.Features) {
				cell = r.probe.Features[n].says()
			}
			cells = append(cells, cell)
		}
		row(text, cells...)
	}
	cells := []string{"engine", ""}
	for _, r := range all {
		cell := r.probe.Engine
		if r.probe.Reason != "" {
			cell += ": " + r.probe.Reason
		}
		cells = append(cells, cell)
	}
	row(text, cells...)
}

// caseNames are the cases of a suite on any kernel, in the order in which they ran.
func caseNames(all []*report, suite string) (names []string) {
	for _, r := range all {
		for _, c := range r.results {
			if c.suite == suite && !slices.Contains(names, c.name) {
				names = append(names, c.name)
			}
		}
	}
	return names
}

// matrix writes a line for each case and a column for each kernel and engine.
func matrix(text *strings.Builder, all []*report, suite string, cases []string) {
	heads := []string{"case"}
	type column struct {
		*report
		engine string
	}
	var columns []column
	for _, r := range all {
		for _, engine := range append([]string{""}, r.guest.Engines...) {
			if slices.ContainsFunc(r.results, func(c result) bool { return c.suite == suite && c.engine == engine }) {
				columns = append(columns, column{r, engine})
				heads = append(heads, strings.TrimSpace(r.guest.short()+" "+engine))
			}
		}
	}
	row(text, heads...)
	rule(text, len(heads))
	for _, name := range cases {
		cells := []string{"`" + name + "`"}
		for _, c := range columns {
			cells = append(cells, c.cell(suite, c.engine, name))
		}
		row(text, cells...)
	}
}

// leftOut says what is not in a table, and why.
func leftOut(text *strings.Builder, s suite) {
	if len(s.Not) == 0 {
		return
	}
	text.WriteString("\nNot run:\n\n")
	for _, name := range slices.Sorted(maps.Keys(s.Not)) {
		fmt.Fprintf(text, "- `%s`: %s\n", name, s.Not[name])
	}
}

// cell is how a case went.
func (r *report) cell(suite, engine, name string) string {
	for _, c := range r.results {
		if c.suite == suite && c.engine == engine && c.name == name {
			return map[string]string{"pass": "passed", "fail": "**failed**", "skip": "skipped"}[c.outcome]
		}
	}
	return "-"
}
