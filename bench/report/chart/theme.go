package chart

import (
	"image/color"
	"math"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	plotfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Colours of everything but the data. None is black, because vgsvg leaves black out of its
// styles, so that it could not follow the page into dark mode.
var (
	paper = color.RGBA{R: 255, G: 255, B: 255, A: 255}
	ink   = color.RGBA{R: 0x24, G: 0x29, B: 0x2f, A: 255}
	faint = color.RGBA{R: 0x65, G: 0x6d, B: 0x76, A: 255}
	grid  = color.RGBA{R: 0xd8, G: 0xde, B: 0xe4, A: 255}
)

// look is how a forwarder is drawn everywhere: a colour for a light and one for a dark
// background, and a mark and a dash pattern for readers who cannot distinguish colours
// well.
type look struct {
	light, dark color.RGBA
	glyph       draw.GlyphDrawer
	dashes      []vg.Length
}

var (
	solid  = []vg.Length{}
	dashed = []vg.Length{6, 3}
	dotted = []vg.Length{2, 2}
)

// looks are the colours of Okabe and Ito, darkened where they would be too faint on
// white, with grey for the limit that no forwarder reaches.
var looks = map[string]look{
	"direct":     {hex(0x7f7f7f), hex(0xa8a8a8), draw.CrossGlyph{}, dotted},
	"original":   {hex(0xd55e00), hex(0xff8a3d), draw.SquareGlyph{}, solid},
	"socat":      {hex(0xb5669a), hex(0xe29cc8), draw.PlusGlyph{}, dashed},
	"haproxy":    {hex(0xc98a00), hex(0xf0b429), draw.TriangleGlyph{}, dashed},
	"nginx":      {hex(0x009e73), hex(0x2bc79b), draw.PyramidGlyph{}, dashed},
	"gocopy":     {hex(0x7a4b2a), hex(0xc49a78), draw.BoxGlyph{}, dotted},
	"uring":      {hex(0x0062a8), hex(0x4aa8ff), draw.CircleGlyph{}, solid},
	"uring-busy": {hex(0x1b2f6b), hex(0x8f9dff), draw.PlusGlyph{}, dashed},
	"epoll":      {hex(0x3d9bd1), hex(0x9bd7ff), draw.RingGlyph{}, solid},
}

// others are for names that are not known here, such as rows for single features.
var others = []look{
	{hex(0x5b3fa0), hex(0xb39ddb), draw.CircleGlyph{}, solid},
	{hex(0x8a8a00), hex(0xd4d44a), draw.SquareGlyph{}, dashed},
	{hex(0xa8324a), hex(0xff8095), draw.TriangleGlyph{}, solid},
	{hex(0x2f6f6f), hex(0x6fc7c7), draw.PyramidGlyph{}, dashed},
	{hex(0x4f5d75), hex(0xa3b1c9), draw.BoxGlyph{}, dotted},
	{hex(0xb8652a), hex(0xf2a56b), draw.PlusGlyph{}, solid},
}

func hex(rgb uint32) color.RGBA {
	return color.RGBA{R: uint8(rgb >> 16), G: uint8(rgb >> 8), B: uint8(rgb), A: 255}
}

// Palette gives each forwarder of a run its look.
type Palette map[string]look

// NewPalette returns a palette for all names of a run, so that each looks the same in all
// figures and different from all others.
func NewPalette(names []string) Palette {
	p := make(Palette)
	unknown := 0
	for _, name := range names {
		if _, seen := p[name]; seen {
			continue
		}
		if known, ok := looks[name]; ok {
			p[name] = known
			continue
		}
		p[name] = other(unknown)
		unknown++
	}
	return p
}

// other returns the look of the i-th name that is not known here: a colour of its own,
// and when the colours are used up, another mark and line.
func other(i int) look {
	again := i / len(others)
	appearance, shape := others[i%len(others)], others[(i+again)%len(others)]
	appearance.glyph = shape.glyph
	if again%2 == 1 {
		appearance.dashes = dotted
	}
	return appearance
}

// shade is one colour of the plots: on a light background, on a dark one, and the name of
// the CSS variable that switches between them.
type shade struct {
	variable    string
	light, dark color.RGBA
}

// shades are all colours that follow the page into dark mode.
func shades() []shade {
	all := []shade{
		{"--plot-paper", paper, hex(0x0d1117)},
		{"--plot-ink", ink, hex(0xe6edf3)},
		{"--plot-faint", faint, hex(0x9da7b3)},
		{"--plot-grid", grid, hex(0x343b45)},
	}
	for _, name := range []string{"direct", "original", "socat", "haproxy", "nginx", "gocopy", "uring", "uring-busy", "epoll"} {
		all = append(all, shade{"--plot-" + name, looks[name].light, looks[name].dark})
	}
	for i, other := range others {
		all = append(all, shade{"--plot-other-" + string(rune('a'+i)), other.light, other.dark})
	}
	return all
}

const bold = true

// textStyle is left-aligned, sitting on its baseline.
func textStyle(size vg.Length, heavy ...bool) text.Style {
	typeface := plotfont.Font{Typeface: "Liberation", Variant: "Sans"}
	if len(heavy) > 0 && heavy[0] {
		typeface.Weight = font.WeightBold
	}
	return text.Style{Color: ink, Font: plotfont.From(typeface, size), Handler: plot.DefaultTextHandler}
}

// blank returns a plot in our style, without data.
func blank() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		restyle(&axis.Label.TextStyle, 10.5)
		restyle(&axis.Tick.Label, 10.5)
		axis.Label.Padding = 4
		axis.LineStyle.Color = faint
		axis.Tick.LineStyle.Color = faint
		axis.Tick.Length = 4
		axis.Padding = 0
	}
	return p
}

// restyle changes font and colour but keeps the alignment.
func restyle(style *text.Style, size vg.Length) {
	fresh := textStyle(size)
	style.Color, style.Font = fresh.Color, fresh.Font
}

// finite reports whether v can be drawn.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
