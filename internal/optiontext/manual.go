package optiontext

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// optionsMark is the line in a manual page's source that is replaced by the list of
// options. For a subcommand, its name follows.
const optionsMark = "@OPTIONS"

// Manual returns a manual page in mdoc(7), made from its hand-written source: the lines
// @OPTIONS@ and @OPTIONS SUBCOMMAND@ are replaced by the options of the program and of
// the subcommand.
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

// page matches a manual page's name and section in a text.
var page = regexp.MustCompile(`^([a-z][a-z0-9._-]*)\(([1-9])\)$`)

// lineWidth is how long a line of the source can be before mandoc(1) complains.
const lineWidth = 78

// writeText writes the meaning of an option as running text. Words for which mdoc(7) has
// a macro get it: the option's value, other options, manual pages.
func writeText(out *strings.Builder, o *Option) {
	text := strings.Join(o.Lines, " ")
	if o.Default != "" {
		text += " (default " + o.Default + ")"
	}
	// The parts of a value such as NAME=TARGET are mentioned separately.
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

// escapeLine keeps roff(7) from taking text for a macro or an escape.
func escapeLine(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
