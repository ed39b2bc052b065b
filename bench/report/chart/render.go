package chart

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"strings"

	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

const pngDotsPerInch = 144

// SVG returns the figure as a file, on a white background wherever it is shown.
func (f Figure) SVG() ([]byte, error) {
	width, height := f.size()
	canvas := vgsvg.New(width, height)
	f.draw(draw.New(canvas))
	return encode(canvas)
}

// PNG returns the figure as a file, at twice the resolution of a plain screen.
func (f Figure) PNG() ([]byte, error) {
	width, height := f.size()
	canvas := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(pngDotsPerInch))
	f.draw(draw.New(canvas))
	var out bytes.Buffer
	_, err := vgimg.PngCanvas{Canvas: canvas}.WriteTo(&out)
	return out.Bytes(), err
}

// encode writes the drawing with fonts that any machine has: Arial and Helvetica
// have the widths that the layout was made with.
func encode(canvas *vgsvg.Canvas) ([]byte, error) {
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	const named = "font-family:Liberation Sans;"
	const fallback = "font-family:Liberation Sans,Arial,Helvetica,sans-serif;"
	return bytes.ReplaceAll(out.Bytes(), []byte(named), []byte(fallback)), nil
}

// Inline returns the panel as an SVG element for an HTML page: it scales with its box,
// describes itself to readers who cannot see it, has no background, and takes its
// colours from the CSS variables of Style.
func Inline(panel Panel, description string) (string, error) {
	canvas := vgsvg.New(panelWidth, panel.height())
	panel.draw(draw.New(canvas))
	encoded, err := encode(canvas)
	if err != nil {
		return "", err
	}
	svg := string(encoded)
	_, body, found := strings.Cut(svg, `xmlns:xlink="http://www.w3.org/1999/xlink">`)
	if !found {
		return "", fmt.Errorf("the plot %q is not in the form that vgsvg used to write: %.60q; adapt chart.Inline", panel.Name(), svg)
	}
	for _, s := range shades() {
		body = strings.ReplaceAll(body, code(s.light), "var("+s.variable+")")
	}
	return fmt.Sprintf(`<svg role="img" aria-label="%s" viewBox="0 0 %g %g">%s`,
		html.EscapeString(description), panelWidth.Points(), panel.height().Points(), body), nil
}

// Style returns the CSS that sets the colours of inline panels, for light and for dark
// pages.
func Style() string {
	var light, dark strings.Builder
	for _, s := range shades() {
		fmt.Fprintf(&light, "%s:%s;", s.variable, code(s.light))
		fmt.Fprintf(&dark, "%s:%s;", s.variable, code(s.dark))
	}
	return ":root{" + light.String() + "}\n@media (prefers-color-scheme:dark){:root{" + dark.String() + "}}\n"
}

// code returns a colour in the form that vgsvg writes.
func code(c color.RGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }
