// Package chart draws the benchmark's plots with gonum: bars with whiskers, and
// curves over a logarithmic axis of percentiles. A Panel is one plot, a Figure a
// titled sheet of panels. It knows forwarders only by name: a Palette gives each
// its colour, the same in all figures of a run.
package chart

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Panel is one plot. A panel is narrow enough to be read on a phone.
type Panel interface {
	// Name is the panel's title.
	Name() string
	height() vg.Length
	draw(c draw.Canvas)
}

// Figure is a sheet of panels that belong together, with an optional title.
type Figure struct {
	File   string // name without extension
	Title  string
	Panels []Panel
}

const (
	panelWidth   vg.Length = 350
	panelTitle   vg.Length = 21
	figureTitle  vg.Length = 30
	figureMargin vg.Length = 14
	// fontSlack is how much wider text can be if an SVG is shown in another typeface:
	// DejaVu Sans is wider than the one it was measured in.
	fontSlack vg.Length = 1.2
	gap       vg.Length = 22 // between panels
	rim       vg.Length = 3
)

// columns is how many panels are side by side.
func (f Figure) columns() int { return min(2, len(f.Panels)) }

// rows returns the panels line by line.
func (f Figure) rows() [][]Panel {
	var rows [][]Panel
	for rest := f.Panels; len(rest) > 0; {
		n := min(f.columns(), len(rest))
		rows, rest = append(rows, rest[:n]), rest[n:]
	}
	return rows
}

func rowHeight(row []Panel) (height vg.Length) {
	for _, panel := range row {
		height = max(height, panel.height())
	}
	return height
}

// titleHeight returns the room for the title; a sheet with one panel needs none.
func (f Figure) titleHeight() vg.Length {
	if f.Title == "" {
		return 0
	}
	return figureTitle
}

// size returns the size of the whole sheet.
func (f Figure) size() (width, height vg.Length) {
	n := vg.Length(f.columns())
	width = n*panelWidth + (n-1)*gap + 2*figureMargin
	rows := f.rows()
	height = f.titleHeight() + 2*figureMargin + vg.Length(len(rows)-1)*gap
	for _, row := range rows {
		height += rowHeight(row)
	}
	return width, height
}

// draw paints the sheet, with a background.
func (f Figure) draw(c draw.Canvas) {
	c.SetColor(paper)
	c.Fill(c.Rectangle.Path())
	left, top := c.Min.X+figureMargin, c.Max.Y-figureMargin
	c.FillText(textStyle(14, bold), vg.Point{X: left, Y: top - 13}, f.Title)
	top -= f.titleHeight()
	for _, row := range f.rows() {
		x := left
		for _, panel := range row {
			panel.draw(crop(c, x, top-panel.height(), x+panelWidth, top))
			x += panelWidth + gap
		}
		top -= rowHeight(row) + gap
	}
}

// drawTitle paints the panel's title and returns the area below it, with a margin for
// glyphs that are wider than gonum assumes.
func drawTitle(c draw.Canvas, title string) draw.Canvas {
	c.FillText(textStyle(12, bold), vg.Point{X: c.Min.X, Y: c.Max.Y - 12}, title)
	return crop(c, c.Min.X+rim, c.Min.Y, c.Max.X-rim, c.Max.Y-panelTitle)
}

// crop returns the part of c between two corners.
func crop(c draw.Canvas, left, bottom, right, top vg.Length) draw.Canvas {
	c.Rectangle = vg.Rectangle{Min: vg.Point{X: left, Y: bottom}, Max: vg.Point{X: right, Y: top}}
	return c
}
