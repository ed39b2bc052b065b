package chart

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

func labels(ticks []plot.Tick) (labelled []string) {
	for _, tick := range ticks {
		if !tick.IsMinor() {
			labelled = append(labelled, tick.Label)
		}
	}
	return labelled
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		ticker    plot.Ticker
		low, high float64
		want      string
	}{
		{evenTicks{}, 0, 17.5, "0 5 10 15"},
		{evenTicks{}, 0, 261, "0 50 100 150 200 250"},
		{evenTicks{}, 0, 0.37, "0 0.1 0.2 0.3"},
		{evenTicks{}, 0, 1, "0 0.2 0.4 0.6 0.8 1"},
		{timeTicks{}, 40, 1300, "50 µs,100 µs,200 µs,500 µs,1 ms"},
		{timeTicks{}, 60, 120, "60 µs,70 µs,80 µs,90 µs,100 µs"},
		{timeTicks{}, 90, 2.5e6, "100 µs,1 ms,10 ms,100 ms,1 s"},
	} {
		separator := " "
		if strings.Contains(c.want, ",") {
			separator = ","
		}
		if got := labels(c.ticker.Ticks(c.low, c.high)); !slices.Equal(got, strings.Split(c.want, separator)) {
			t.Errorf("%T from %g to %g: %q, want %s", c.ticker, c.low, c.high, got, c.want)
		}
	}
}

func TestTail(t *testing.T) {
	for quantile, want := range map[float64]float64{0.9: 1, 0.99: 2, 0.999: 3} {
		if got := Tail(quantile); math.Abs(got-want) > 1e-9 {
			t.Errorf("%g lies at %g, want %g", quantile, got, want)
		}
	}
}

// TestColoursTellPeersApart: no two known forwarders share a colour, and none has
// one that inline plots could not switch.
func TestColoursTellPeersApart(t *testing.T) {
	seen := make(map[string]string)
	for _, s := range shades() {
		for _, key := range []string{"light " + code(s.light), "dark " + code(s.dark)} {
			if other, taken := seen[key]; taken {
				t.Errorf("%s and %s are both %s", s.variable, other, key)
			}
			seen[key] = s.variable
		}
	}
	for name, known := range looks {
		if seen["light "+code(known.light)] != "--plot-"+name {
			t.Errorf("the colour of %s has no variable", name)
		}
	}
}

func TestUnknownNamesLookDifferent(t *testing.T) {
	names := []string{"uring", "uring"}
	for i := range 2 * len(others) {
		names = append(names, fmt.Sprintf("uring -feature-%d", i))
	}
	palette := NewPalette(names)
	seen := make(map[string]string)
	for name, look := range palette {
		key := fmt.Sprintf("%s %T %v", code(look.light), look.glyph, look.dashes)
		if twin, taken := seen[key]; taken {
			t.Errorf("%s looks like %s", name, twin)
		}
		seen[key] = name
	}
	if len(palette) != 1+2*len(others) {
		t.Errorf("%d looks for %d names", len(palette), 1+2*len(others))
	}
}

func TestInlineFollowsThePage(t *testing.T) {
	panel := Bars{Title: "a < b", Axis: "things per second", Palette: NewPalette([]string{"uring"}), Bars: []Bar{
		{Name: "uring", Value: 2, Low: 1.5, High: 2.5, Label: "2"}, {Name: "<socat>", Absent: "invalid"},
	}}
	svg, err := Inline(panel, `says "so" & more`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<svg role="img" aria-label="says &#34;so&#34; &amp; more"`, "var(--plot-uring)", "var(--plot-ink)", "&lt;socat&gt;", "a &lt; b", "Arial"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the plot lacks %s", want)
		}
	}
	for _, s := range shades() {
		if strings.Contains(svg, code(s.light)) {
			t.Errorf("the plot keeps the colour of %s in dark mode", s.variable)
		}
		if !strings.Contains(Style(), s.variable+":"+code(s.dark)) {
			t.Errorf("the style lacks %s", s.variable)
		}
	}
}

// TestDrawsWhateverComes: no data, one point, zeros and a single value must not
// panic, which gonum does on empty ranges.
func TestDrawsWhateverComes(t *testing.T) {
	for name, panel := range map[string]Panel{
		"no bars":   Bars{Title: "none"},
		"zeros":     Bars{Bars: []Bar{{Name: "a"}, {Name: "b"}}},
		"absent":    Bars{Bars: []Bar{{Name: "a", Absent: "invalid"}}},
		"no curves": Curves{Title: "none"},
		"a point":   Curves{Curves: []Curve{{Name: "a", Points: []Point{{0.5, 100}}}}},
		"flat":      Curves{Curves: []Curve{{Name: "a", Points: []Point{{0.5, 100}, {0.999, 100}}}}},
	} {
		figure := Figure{File: "f", Title: name, Panels: []Panel{panel, panel, panel}}
		svg, err := figure.SVG()
		if err != nil || strings.Contains(string(svg), "NaN") {
			t.Errorf("%s: %v, or a NaN in the drawing", name, err)
		}
		if _, err := figure.PNG(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
