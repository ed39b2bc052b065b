package chart

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bars is a panel of horizontal bars from zero, one for each forwarder.
type Bars struct {
	Title   string
	Axis    string // with its unit
	Bars    []Bar
	Palette Palette
}

// Bar is a median with a whisker from the smallest to the largest round.
type Bar struct {
	Name             string
	Value, Low, High float64
	Label            string // the value as text, at the end of the bar
	Absent           string // why there is no bar, in a word or two
}

const (
	barPitch     vg.Length = 18
	barThickness vg.Length = 12
	barsAxis     vg.Length = 40 // height of ticks and axis label
)

// Name is the panel's title.
func (b Bars) Name() string { return b.Title }

func (b Bars) height() vg.Length {
	return panelTitle + barsAxis + barPitch*vg.Length(len(b.Bars))
}

func (b Bars) draw(c draw.Canvas) {
	c = drawTitle(c, b.Title)
	p := blank()
	p.X.Label.Text = b.Axis
	p.X.Tick.Marker = evenTicks{}
	p.Y.Tick.Marker = b.names()
	p.Y.Tick.Length = 0
	p.Y.LineStyle.Width = 0.75
	p.Add(&barPlotter{b.Bars, b.Palette})
	p.X.Min, p.Y.Min, p.Y.Max = 0, -0.5, float64(len(b.Bars))-0.5
	if p.X.Max <= 0 {
		p.X.Max = 1
	}
	p.Draw(c)
}

// names are the ticks of the vertical axis: the first bar is on top.
func (b Bars) names() plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for i, bar := range b.Bars {
		ticks = append(ticks, plot.Tick{Value: row(i, b.Bars), Label: bar.Name})
	}
	return ticks
}

// row returns the position of bar i on the vertical axis.
func row(i int, bars []Bar) float64 { return float64(len(bars) - 1 - i) }

// barPlotter draws bars, whiskers and values as gonum's plotter.
type barPlotter struct {
	bars    []Bar
	palette Palette
}

// DataRange implements plot.DataRanger.
func (b *barPlotter) DataRange() (xmin, xmax, ymin, ymax float64) {
	for _, bar := range b.bars {
		if bar.Absent == "" {
			xmax = max(xmax, bar.end())
		}
	}
	return 0, xmax, 0, float64(len(b.bars) - 1)
}

// end returns the rightmost point of bar and whisker.
func (b Bar) end() float64 { return max(b.Value, b.High) }

// caption returns the text to the right of the bar.
func (b Bar) caption() string {
	if b.Absent != "" {
		return b.Absent
	}
	return b.Label
}

const captionGap vg.Length = 5

// GlyphBoxes implements plot.GlyphBoxer: it makes room for the values.
func (b *barPlotter) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	style := textStyle(10.5)
	var boxes []plot.GlyphBox
	for i, bar := range b.bars {
		end := 0.0
		if bar.Absent == "" {
			end = bar.end()
		}
		boxes = append(boxes, plot.GlyphBox{
			X: p.X.Norm(end), Y: p.Y.Norm(row(i, b.bars)),
			Rectangle: vg.Rectangle{Max: vg.Point{X: captionGap + fontSlack*style.Width(bar.caption())}},
		})
	}
	return boxes
}

// Plot implements plot.Plotter.
func (b *barPlotter) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	drawVerticalGrid(c, p, toX)
	for i, bar := range b.bars {
		y, end := toY(row(i, b.bars)), toX(0)
		style := textStyle(10.5)
		if bar.Absent == "" {
			bar.draw(c, b.palette[bar.Name], toX, y)
			end = toX(bar.end())
		} else {
			style.Color = faint
		}
		style.YAlign = draw.YCenter
		c.FillText(style, vg.Point{X: end + captionGap, Y: y + style.FontExtents().Descent/2}, bar.caption())
	}
}

// draw paints one bar and its whisker.
func (b Bar) draw(c draw.Canvas, appearance look, toX func(float64) vg.Length, y vg.Length) {
	half := barThickness / 2
	c.FillPolygon(appearance.light, []vg.Point{
		{X: toX(0), Y: y - half}, {X: toX(b.Value), Y: y - half},
		{X: toX(b.Value), Y: y + half}, {X: toX(0), Y: y + half},
	})
	if !finite(b.Low) || !finite(b.High) || b.Low == b.High {
		return
	}
	low, high := toX(b.Low), toX(b.High)
	whisker := [][]vg.Point{
		{{X: low, Y: y}, {X: high, Y: y}},
		{{X: low, Y: y - half/2}, {X: low, Y: y + half/2}},
		{{X: high, Y: y - half/2}, {X: high, Y: y + half/2}},
	}
	// A light rim keeps it visible on a dark bar.
	c.StrokeLines(draw.LineStyle{Color: paper, Width: 2.6}, whisker...)
	c.StrokeLines(draw.LineStyle{Color: ink, Width: 1.1}, whisker...)
}

// drawVerticalGrid draws a line at each labelled tick of the horizontal axis.
func drawVerticalGrid(c draw.Canvas, p *plot.Plot, toX func(float64) vg.Length) {
	for _, tick := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if x := toX(tick.Value); !tick.IsMinor() && c.ContainsX(x) && tick.Value > p.X.Min {
			c.StrokeLine2(draw.LineStyle{Color: grid, Width: 0.75}, x, c.Min.Y, x, c.Max.Y)
		}
	}
}
