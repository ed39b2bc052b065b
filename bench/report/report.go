// Package report presents a benchmark's result: as JSON, a Markdown table, plots, an
// HTML page, a comparison of two runs, and the newest results in docs/benchmarks.md.
//
// All of them show the same document, which model.go builds from the result:
// figure.go defines what a figure means, versus.go what is compared with what.
package report

import (
	"fmt"
	"os"
	"path/filepath"

	"uring-socket-proxyd/bench/report/chart"
	"uring-socket-proxyd/bench/result"
)

// Write puts all forms of a run into a directory, which it creates if needed:
// result.json, table.md, report.html and plots/.
func Write(dir string, run *result.Run) error {
	plots := filepath.Join(dir, "plots")
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return fmt.Errorf("making the report's directory: %w", err)
	}
	encoded, err := encode(run)
	if err != nil {
		return err
	}
	doc := newDocument(run)
	page, err := doc.html()
	if err != nil {
		return err
	}
	if err := writePlots(plots, doc.figures()); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"result.json": encoded,
		"table.md":    []byte(doc.markdown(1, "plots")),
		"report.html": page,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	return nil
}

// writePlots writes each figure as SVG and as PNG.
func writePlots(dir string, figures []chart.Figure) error {
	for _, figure := range figures {
		for extension, draw := range map[string]func() ([]byte, error){".svg": figure.SVG, ".png": figure.PNG} {
			content, err := draw()
			if err != nil {
				return fmt.Errorf("drawing %s%s: %w", figure.File, extension, err)
			}
			if err := os.WriteFile(filepath.Join(dir, figure.File+extension), content, 0o644); err != nil {
				return fmt.Errorf("writing the plot: %w", err)
			}
		}
	}
	return nil
}
