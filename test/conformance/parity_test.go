package conformance

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"uring-socket-proxyd/test/harness"
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

// writeParity writes the table of cases and programs.
func writeParity(path string) error {
	var table strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&table, "| %s |\n", strings.Join(cells, " | ")) }
	heads, lines := []string{"case", "what it shows"}, []string{"---", "---"}
	for _, p := range harness.Programs {
		heads, lines = append(heads, p.Name), append(lines, "---")
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
	return os.WriteFile(path, []byte(table.String()), 0o644)
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
