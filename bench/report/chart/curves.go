package chart

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Curves is a panel of latency over percentile, both logarithmic: each step to
// the right is about ten times fewer, slower requests.
type Curves struct {
	Title   string
	Curves  []Curve
	Palette Palette
}

// Curve is one forwarder's latency.
type Curve struct {
	Name   string
	Points []Point
}

// Point is a quantile, below 1, and the latency in microseconds that this share of the
// requests did not exceed.
type Point struct{ Quantile, Micros float64 }

const curvesPlot vg.Length = 230 // height without title and legend

// Marked are the quantiles that carry a tick, and a mark on each curve.
var Marked = []float64{0.5, 0.9, 0.99, 0.999}

// Tail returns the position of a quantile on the horizontal axis: a tenth of the remaining
// requests is one step further.
func Tail(quantile float64) float64 { return -math.Log10(1 - quantile) }

// Name is the panel's title.
func (l Curves) Name() string { return l.Title }

func (l Curves) height() vg.Length {
	return panelTitle + curvesPlot + l.legend().height()
}

func (l Curves) draw(c draw.Canvas) {
	c = drawTitle(c, l.Title)
	key := l.legend()
	key.draw(crop(c, c.Min.X, c.Min.Y, c.Max.X, c.Min.Y+key.height()))
	c = crop(c, c.Min.X, c.Min.Y+key.height(), c.Max.X, c.Max.Y)

	p := blank()
	p.X.Label.Text = "percentile of the requests (log of the tail)"
	p.Y.Label.Text = "latency (log of µs)"
	p.X.Tick.Marker = percentileTicks()
	p.Y.Tick.Marker = timeTicks{}
	p.Y.Scale = plot.LogScale{}
	p.Add(&curvePlotter{l.Curves, l.Palette})
	p.X.Min, p.X.Max = Tail(Marked[0]), Tail(Marked[len(Marked)-1])
	p.Y.Min, p.Y.Max = l.bounds()
	p.Draw(c)
}

// legend names the curves, below the plot.
func (l Curves) legend() legend {
	key := legend{palette: l.Palette}
	for _, curve := range l.Curves {
		key.names = append(key.names, curve.Name)
	}
	return key
}

// bounds returns the smallest and the largest latency with some margin.
func (l Curves) bounds() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, curve := range l.Curves {
		for _, point := range curve.Points {
			low, high = min(low, point.Micros), max(high, point.Micros)
		}
	}
	if high == 0 {
		return 1, 10
	}
	return low * 0.85, high * 1.18
}

func percentileTicks() plot.ConstantTicks {
	return plot.ConstantTicks{
		{Value: Tail(0.5), Label: "50"},
		{Value: Tail(0.9), Label: "90"},
		{Value: Tail(0.99), Label: "99"},
		{Value: Tail(0.999), Label: "99.9"},
	}
}

// curvePlotter draws the curves as gonum's plotter.
type curvePlotter struct {
	curves  []Curve
	palette Palette
}

// Plot implements plot.Plotter.
func (l *curvePlotter) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	drawVerticalGrid(c, p, toX)
	for _, tick := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if !tick.IsMinor() {
			y := toY(tick.Value)
			c.StrokeLine2(draw.LineStyle{Color: grid, Width: 0.75}, c.Min.X, y, c.Max.X, y)
		}
	}
	// The last one drawn is on top: ours come last in a run, so they are on top here.
	for _, curve := range l.curves {
		curve.draw(c, l.palette[curve.Name], toX, toY)
	}
}

// draw paints one curve with its marks.
func (l Curve) draw(c draw.Canvas, appearance look, toX, toY func(float64) vg.Length) {
	var path []vg.Point
	for _, point := range l.Points {
		at := vg.Point{X: toX(Tail(point.Quantile)), Y: toY(point.Micros)}
		path = append(path, at)
		if slices.Contains(Marked, point.Quantile) {
			c.DrawGlyph(appearance.mark(), at)
		}
	}
	c.StrokeLines(appearance.line(), path)
}

func (l look) line() draw.LineStyle {
	return draw.LineStyle{Color: l.light, Width: 1.6, Dashes: l.dashes}
}

func (l look) mark() draw.GlyphStyle {
	return draw.GlyphStyle{Color: l.light, Radius: 3.2, Shape: l.glyph}
}
