package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"uring-socket-proxyd/bench/result"
)

// UpdateDocs replaces everything between these two lines of a document.
const (
	DocsBegin = "<!-- benchmark results: begin (written by proxy-bench, do not edit) -->"
	DocsEnd   = "<!-- benchmark results: end -->"
)

// UpdateDocs replaces the results between DocsBegin and DocsEnd in a Markdown
// document, and the plots in the directory plots next to it. Everything outside the
// two lines stays as it is.
func UpdateDocs(path string, run *result.Run) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("putting the results into a document: %w", err)
	}
	doc := newDocument(run)
	content, err := between(path, string(old), doc.markdown(2, "plots"))
	if err != nil {
		return err
	}
	plots := filepath.Join(filepath.Dir(path), "plots")
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return fmt.Errorf("making the directory of the plots: %w", err)
	}
	if err := writePlots(plots, doc.figures()); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		return fmt.Errorf("putting the results into a document: %w", err)
	}
	return nil
}

// between puts fresh content between the two lines.
func between(path, old, fresh string) (string, error) {
	for _, marker := range []string{DocsBegin, DocsEnd} {
		if n := strings.Count(old, marker); n != 1 {
			return "", fmt.Errorf("%s has the line %q %d times, not once; put it where the results begin or end", path, marker, n)
		}
	}
	before, rest, _ := strings.Cut(old, DocsBegin)
	_, after, found := strings.Cut(rest, DocsEnd)
	if !found {
		return "", fmt.Errorf("%s has the line %q before %q; swap them", path, DocsEnd, DocsBegin)
	}
	return before + DocsBegin + "\n\n" + strings.TrimRight(fresh, "\n") + "\n\n" + DocsEnd + after, nil
}
