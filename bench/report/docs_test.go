package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uring-socket-proxyd/bench/result"
)

// threeScenarios is less to draw than the whole run, and all the same to a document.
func threeScenarios() *result.Run {
	run := fabricated(1, 5)
	run.Scenarios = run.Scenarios[2:5]
	return run
}

func TestUpdateDocs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	before, after := "# Benchmarks\n\nBefore.\n\n", "\n\nAfter.\n"
	if err := os.WriteFile(path, []byte(before+DocsBegin+"\nstale\n"+DocsEnd+after), 0o600); err != nil {
		t.Fatal(err)
	}
	var first string
	for range 2 { // a second time changes nothing
		if err := UpdateDocs(path, threeScenarios()); err != nil {
			t.Fatal(err)
		}
		content := read(t, path)
		if !strings.HasPrefix(content, before+DocsBegin) || !strings.HasSuffix(content, DocsEnd+after) || strings.Contains(content, "stale") {
			t.Fatal("the text around the results changed, or the old results stayed")
		}
		if first != "" && first != content {
			t.Error("the same run gave two documents")
		}
		first = content
	}
	if !strings.Contains(first, "\n### echo-64\n") {
		t.Error("the scenarios' headings are not below those of the document")
	}
	for _, part := range strings.Split(first, "](plots/")[1:] {
		name, _, _ := strings.Cut(part, ")")
		read(t, filepath.Dir(path), "plots", name)
	}
}

func TestUpdateDocsWantsBothMarkersOnce(t *testing.T) {
	for _, content := range []string{"", DocsBegin, DocsEnd, DocsEnd + DocsBegin, DocsBegin + DocsEnd + DocsEnd} {
		path := filepath.Join(t.TempDir(), "benchmarks.md")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := UpdateDocs(path, threeScenarios()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", content, err)
		}
		if read(t, path) != content {
			t.Errorf("%q was changed", content)
		}
	}
}

// TestTheRealDocument has the markers.
func TestTheRealDocument(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "benchmarks.md")
	if _, err := between(path, read(t, path), ""); err != nil {
		t.Error(err)
	}
}
