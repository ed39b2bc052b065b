package report

import (
	"fmt"
	"strings"
)

// markdown returns the document with headings from the given level on, and with its
// plots from the directory plots, relative to its own directory.
func (doc *document) markdown(level int, plots string) string {
	m := &markdown{level: level}
	m.heading(0, "Benchmark results")
	m.facts(doc.Machine)
	m.paragraph("Made by:")
	m.fence(commandLine(doc.Run.Command))
	m.missing(doc)
	m.overview(doc)
	m.targets(doc.Targets)
	for _, s := range doc.Sections {
		m.section(s)
	}
	m.heading(1, "Plots")
	for _, sheet := range doc.figures() {
		alternative := sheet.Title
		if alternative == "" {
			alternative = sheet.Panels[0].Name()
		}
		m.paragraph(fmt.Sprintf("![%s](%s/%s.svg)", text(alternative), plots, sheet.File))
	}
	m.peers(doc)
	return m.out.String()
}

// markdown writes blocks with a blank line after each.
type markdown struct {
	out   strings.Builder
	level int
}

func (m *markdown) heading(depth int, title string) {
	m.paragraph(strings.Repeat("#", m.level+depth) + " " + text(title))
}

func (m *markdown) paragraph(content string) { m.out.WriteString(content + "\n\n") }

func (m *markdown) facts(facts []fact) {
	for _, f := range facts {
		fmt.Fprintf(&m.out, "- %s: %s\n", f.Name, text(f.Value))
	}
	m.out.WriteString("\n")
}

// fence writes a block of code, whatever it contains.
func (m *markdown) fence(content string) {
	bar := "```"
	for strings.Contains(content, bar) {
		bar += "`"
	}
	m.paragraph(bar + "\n" + strings.TrimRight(content, "\n") + "\n" + bar)
}

func (m *markdown) row(cells ...string) {
	m.out.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// head writes a table's first two lines. The first left columns are text, the others are
// numbers.
func (m *markdown) head(left int, cells ...string) {
	m.row(cells...)
	for i := range cells {
		if i < left {
			m.out.WriteString("| --- ")
		} else {
			m.out.WriteString("| ---: ")
		}
	}
	m.out.WriteString("|\n")
}

func (m *markdown) missing(doc *document) {
	for _, peer := range doc.Missing {
		m.paragraph(fmt.Sprintf("**Missing: %s** (%s)", text(peer.Name), text(peer.Missing)))
	}
}

func (m *markdown) overview(doc *document) {
	if doc.Overview == nil {
		return
	}
	m.heading(1, "At a glance")
	m.head(3, "scenario", "engine", "figure", "median", "against "+text(doc.Overview.Reference), "against the best other")
	for _, l := range doc.Overview.Lines {
		cells := []string{text(l.Scenario), text(l.Peer), l.Figure}
		if l.Fault != "" {
			m.row(append(cells, text(l.Fault), "", "")...)
			continue
		}
		best := verdictText(l.Best)
		if l.Best != nil {
			best = text(l.BestPeer) + ": " + best
		}
		m.row(append(cells, l.Value, verdictText(l.Reference), best)...)
	}
	m.out.WriteString("\n")
}

// targets writes the targets, with those that were missed in bold.
func (m *markdown) targets(card *scorecard) {
	if card == nil {
		return
	}
	m.heading(1, "Targets")
	m.head(4, "scenario", "engine", "figure", "against", "target", "measured", "met")
	for _, l := range card.Lines {
		verdict := l.Verdict()
		if verdict == "no" {
			verdict = "**no**"
		}
		m.row(text(l.Scenario), text(l.Peer), l.Figure, text(l.Against), text(l.Target), text(l.Found()), verdict)
	}
	m.out.WriteString("\n")
	m.paragraph("**" + card.Summary() + "**")
}

// headed writes ratios with their opponents in one cell.
func headed(all []headedVersus) string {
	var parts []string
	for _, v := range all {
		parts = append(parts, fmt.Sprintf("%s: %s", text(v.Heading()), verdictText(&v.versus)))
	}
	return strings.Join(parts, "<br>")
}

// verdictText writes a ratio with its verdict, which is bold if there is a clear
// difference.
func verdictText(v *versus) string {
	if v == nil {
		return ""
	}
	verdict := string(v.Verdict)
	if v.clear() {
		verdict = "**" + verdict + "**"
	}
	return v.Text() + " " + verdict
}

func (m *markdown) section(s section) {
	m.heading(1, s.Title)
	m.paragraph(text(s.Table.Description))
	m.facts(s.Set)
	for _, flag := range s.Table.Flags {
		m.paragraph("> **Mind:** " + text(flag))
	}
	head := []string{"forwarder", s.Columns[0]}
	for _, heading := range s.Versus {
		head = append(head, s.Columns[0]+" "+text(heading))
	}
	head = append(head, s.Columns[1:]...)
	m.head(1, head...)
	for _, l := range s.Lines {
		m.row(lineCells(l, len(head))...)
	}
	m.out.WriteString("\n")
	m.ratios(s)
}

// lineCells returns a forwarder's medians, the first with its spread and ratios.
func lineCells(l line, width int) []string {
	cells := []string{text(l.Peer)}
	if l.Ours {
		cells[0] = "**" + cells[0] + "**"
	}
	if l.Fault != "" {
		cells = append(cells, text(l.Fault))
	}
	for i, c := range l.Cells {
		value := c.Median
		if i == 0 && c.Spread != "" {
			value += " (" + c.Spread + ")"
		}
		cells = append(cells, value)
		for _, v := range l.Versus {
			if i == 0 {
				cells = append(cells, verdictText(v))
			}
		}
	}
	for len(cells) < width {
		cells = append(cells, "")
	}
	return cells
}

// ratios writes every figure of our rows against the others, collapsed.
func (m *markdown) ratios(s section) {
	if len(s.Ratios) == 0 {
		return
	}
	m.paragraph("<details><summary>All ratios</summary>")
	m.head(2, "engine", "figure", "median", "ratios round by round, 95 % interval")
	for _, r := range s.Ratios {
		m.row(text(r.Peer), r.Figure, r.Value, headed(r.Versus))
	}
	m.out.WriteString("\n")
	m.paragraph("</details>")
}

func (m *markdown) peers(doc *document) {
	m.heading(1, "Forwarders")
	for _, peer := range doc.Peers {
		m.heading(2, peer.Name)
		if peer.Version != "" {
			m.paragraph(text(peer.Version))
		}
		if len(peer.Command) > 0 {
			m.fence(commandLine(peer.Command))
		}
		if peer.Config != "" {
			m.paragraph("<details><summary>Configuration</summary>")
			m.fence(peer.Config)
			m.paragraph("</details>")
		}
	}
}

// text escapes running text, so that nothing in it has a meaning in Markdown or HTML, and
// puts it on one line.
func text(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`).Replace(s)
}
