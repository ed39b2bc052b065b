package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/newest"
)

// results are the outcomes of the cases that ran, for the table.
var results = outcomes{by: make(map[string]string)}

type outcomes struct {
	mu sync.Mutex
	by map[string]string
}

func (o *outcomes) record(c *Case, p *harness.Program, t *testing.T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.by[c.Name+"\x00"+p.Name] = c.outcome(p, t)
}

// outcome is a cell of the table.
func (c *Case) outcome(p *harness.Program, t *testing.T) string {
	e, differs := c.Except[p.Name]
	switch {
	case t.Failed():
		return "**failed**"
	case e.Untested:
		return "(" + e.Does + ")"
	case t.Skipped():
		return "skipped"
	case differs:
		return "no: " + e.Does
	}
	return "yes"
}

// parityIntroduction heads the file. It takes kernel and versions.
const parityIntroduction = `# What each program does

%d black-box cases, run through sockets and signals against our program with each engine
(io_uring also with only what Linux 6.1 has) and against the original: the installed one
(%s) and the newest one in Debian unstable (%s), on
Linux %s. "no: ..." is a difference that the case asserts like the rest; parentheses
say why something was not tried. ` + "`make parity`" + ` writes this file.

`

// writeParity writes the tables.
func writeParity(path string) error {
	var table strings.Builder
	fmt.Fprintf(&table, parityIntroduction, len(cases), version(harness.OriginalPath), version(newest.Path), kernelRelease())
	row := func(cells ...string) { fmt.Fprintf(&table, "| %s |\n", strings.Join(cells, " | ")) }
	heads, lines := []string{"case", "what it shows"}, []string{"---", "---"}
	for _, p := range harness.Programs {
		heads, lines = append(heads, head(p)), append(lines, "---")
	}
	row(heads...)
	row(lines...)
	for _, c := range cases {
		cells := []string{"`" + c.Name + "`", c.Shows}
		for _, p := range harness.Programs {
			outcome, ran := results.by[c.Name+"\x00"+p.Name]
			if !ran {
				outcome = "not run"
			}
			cells = append(cells, outcome)
		}
		row(cells...)
	}
	table.WriteString("\n## What an idle connection costs\n\n" + idleCosts.markdown())
	return os.WriteFile(path, []byte(table.String()), 0o644)
}

// head is a program over its column.
func head(p *harness.Program) string {
	find := harness.OriginalPath
	switch p {
	case harness.Newest:
		find = newest.Path
	case harness.Original:
	default:
		return p.Name
	}
	if words := strings.Fields(version(find)); len(words) > 1 && words[0] == "systemd" {
		return "original " + words[1]
	}
	return p.Name
}

// version is the first line of an original's --version.
func version(find func() (string, error)) string {
	path, err := find()
	if err != nil {
		return "not there"
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return "of unknown version"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func kernelRelease() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "(unknown)"
	}
	return strings.TrimSpace(string(release))
}

func TestCaseNamesAreUnique(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range cases {
		if seen[c.Name] || c.Name == "" || c.Shows == "" || c.Run == nil {
			t.Errorf("case %q is doubled or incomplete", c.Name)
		}
		seen[c.Name] = true
	}
}
