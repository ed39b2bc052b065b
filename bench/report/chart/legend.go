package chart

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// legend names curves below a plot, in as many lines as they take.
type legend struct {
	names   []string
	palette Palette
}

const (
	legendLine   vg.Length = 16
	legendTop    vg.Length = 8
	legendSample vg.Length = 24 // width of a piece of the curve
	legendGap    vg.Length = 16
)

// entry is a name's position, relative to the legend's upper left corner.
type entry struct {
	name    string
	x, line vg.Length
}

// entries flow from left to right like words. All have the same width, so that
// they form columns.
func (l legend) entries() (entries []entry, lines vg.Length) {
	style := textStyle(10.5)
	var pitch vg.Length
	for _, name := range l.names {
		pitch = max(pitch, legendSample+5+fontSlack*style.Width(name)+legendGap)
	}
	var x vg.Length
	for _, name := range l.names {
		if x > 0 && x+pitch-legendGap > panelWidth-2*rim {
			x, lines = 0, lines+1
		}
		entries = append(entries, entry{name, x, lines})
		x += pitch
	}
	return entries, lines + 1
}

func (l legend) height() vg.Length {
	_, lines := l.entries()
	return legendTop + lines*legendLine
}

func (l legend) draw(c draw.Canvas) {
	style := textStyle(10.5)
	style.YAlign = draw.YCenter
	entries, _ := l.entries()
	for _, e := range entries {
		x, y := c.Min.X+e.x, c.Max.Y-legendTop-e.line*legendLine-legendLine/2
		appearance := l.palette[e.name]
		c.StrokeLine2(appearance.line(), x, y, x+legendSample, y)
		c.DrawGlyph(appearance.mark(), vg.Point{X: x + legendSample/2, Y: y})
		c.FillText(style, vg.Point{X: x + legendSample + 5, Y: y + style.FontExtents().Descent/2}, e.name)
	}
}
