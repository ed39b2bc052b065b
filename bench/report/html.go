package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"uring-socket-proxyd/bench/report/chart"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"command": commandLine,
	"style":   func() template.CSS { return template.CSS(chart.Style() + pageStyle) },
	"plot":    inlinePlot,
}).Parse(pageText))

// inlinePlot returns a panel as an SVG element. The texts in plots were escaped when
// they were drawn.
func inlinePlot(s section, panel chart.Panel) (template.HTML, error) {
	svg, err := chart.Inline(panel, describe(s, panel))
	return template.HTML(svg), err
}

// html returns the document as one self-contained page.
func (doc *document) html() ([]byte, error) {
	var out bytes.Buffer
	if err := page.Execute(&out, doc); err != nil {
		return nil, fmt.Errorf("making report.html: %w", err)
	}
	return out.Bytes(), nil
}
