package optiontext

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// optionsMark is a line of a manual page's source that the list of options replaces.
// A subcommand's has the name behind it.
const optionsMark = "@OPTIONS"

// Manual is the manual page whose hand-written parts are given, in mdoc(7): the
// lines @OPTIONS@ and @OPTIONS SUBCOMMAND@ are replaced by the program's options and
// a subcommand's.
func Manual(p *Program, source string) (string, error) {
	var out strings.Builder
	listed := 0
	for line := range strings.Lines(source) {
		mark, ok := strings.CutPrefix(line, optionsMark)
		if !ok {
			out.WriteString(line)
			continue
		}
		options, err := p.optionsOf(strings.Trim(mark, " @\n"))
		if err != nil {
			return "", err
		}
		writeOptions(&out, options)
		listed++
	}
	if listed == 0 {
		return "", fmt.Errorf("the source of %s's manual page has no line %s@", p.Name, optionsMark)
	}
	return out.String(), nil
}

func (p *Program) optionsOf(subcommand string) ([]Option, error) {
	if subcommand == "" {
		return p.Options, nil
	}
	for _, s := range p.Subcommands {
		if s.Name == subcommand {
			return s.Options, nil
		}
	}
	return nil, fmt.Errorf("%s has no subcommand %q, whose options its manual page is to list", p.Name, subcommand)
}

func writeOptions(out *strings.Builder, options []Option) {
	out.WriteString(".Bl -tag -width Ds\n")
	for i := range options {
		o := &options[i]
		out.WriteString(".It ")
		if o.Short != "" {
			fmt.Fprintf(out, "Fl %s ", o.Short)
			if o.Value != "" {
				fmt.Fprintf(out, "Ar %s ", o.Value)
			}
			out.WriteString(", ")
		}
		fmt.Fprintf(out, "Fl -%s", o.Name)
		switch {
		case o.Optional:
			fmt.Fprintf(out, " Ns Op = Ns Ar %s", o.Value)
		case o.Value != "":
			fmt.Fprintf(out, " Ns = Ns Ar %s", o.Value)
		}
		out.WriteString("\n")
		writeText(out, o)
	}
	out.WriteString(".El\n")
}

// page is a manual page's name and section in a text.
var page = regexp.MustCompile(`^([a-z][a-z0-9._-]*)\(([1-9])\)$`)

// lineWidth is how long lines of the source may be, as mandoc(1) likes them.
const lineWidth = 78

// writeText writes what an option means as running text. Words with a macro of their
// own get it: its value, other options, manual pages.
func writeText(out *strings.Builder, o *Option) {
	text := strings.Join(o.Lines, " ")
	if o.Default != "" {
		text += " (default " + o.Default + ")"
	}
	// Of a value such as NAME=TARGET, each part is spoken of by itself.
	parts := strings.FieldsFunc(o.Value, func(r rune) bool { return r < 'A' || r > 'Z' })
	var line []string
	end := func() {
		if len(line) > 0 {
			fmt.Fprintln(out, escapeLine(strings.Join(line, " ")))
		}
		line = nil
	}
	for word := range strings.FieldsSeq(text) {
		bare := strings.TrimRight(word, ",;:.")
		behind := ""
		for _, sign := range word[len(bare):] {
			behind += " " + string(sign)
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(bare, "--"), "=")
		switch match := page.FindStringSubmatch(bare); {
		case slices.Contains(parts, bare):
			end()
			fmt.Fprintf(out, ".Ar %s%s\n", bare, behind)
		case match != nil:
			end()
			fmt.Fprintf(out, ".Xr %s %s%s\n", match[1], match[2], behind)
		case strings.HasPrefix(bare, "--") && name != "":
			end()
			fmt.Fprintf(out, ".Fl -%s", name)
			if hasValue {
				fmt.Fprint(out, " Ns =")
			}
			if value != "" {
				fmt.Fprintf(out, " Ns %s", value)
			}
			fmt.Fprintf(out, "%s\n", behind)
		default:
			if len(strings.Join(append(line, word), " ")) > lineWidth {
				end()
			}
			line = append(line, word)
			if strings.HasSuffix(word, ".") { // new sentence, new line
				end()
			}
		}
	}
	end()
}

// escapeLine keeps roff(7) from taking text for something else.
func escapeLine(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
