package optiontext

import (
	"fmt"
	"strings"
)

// Fish returns the program's completion for fish(1).
func Fish(p *Program) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Completion of %[1]s for fish, made from its options.\n", p.Name)
	if !p.Files {
		fmt.Fprintf(&out, "complete -c %s -f\n", p.Name)
	}
	fishOptions(&out, p, p.Name, "")
	for i := range p.Subcommands {
		s := &p.Subcommands[i]
		fmt.Fprintf(&out, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", p.Name, s.Name, fishQuote(s.Summary))
		fishOptions(&out, s, p.Name, s.Name)
	}
	return out.String()
}

func fishOptions(out *strings.Builder, p *Program, program, subcommand string) {
	where := ""
	if subcommand != "" {
		where = " -n '__fish_seen_subcommand_from " + subcommand + "'"
		if p.Files {
			fmt.Fprintf(out, "complete -c %s%s -F\n", program, where)
		}
	}
	for i := range p.Options {
		o := &p.Options[i]
		fmt.Fprintf(out, "complete -c %s%s -l %s", program, where, o.Name)
		if o.Short != "" {
			fmt.Fprintf(out, " -s %s", o.Short)
		}
		switch {
		case len(o.Choices) > 0 && o.Optional:
			fmt.Fprintf(out, " -f -a %s", fishQuote(strings.Join(o.Choices, " ")))
		case len(o.Choices) > 0:
			fmt.Fprintf(out, " -x -a %s", fishQuote(strings.Join(o.Choices, " ")))
		case o.takesFile():
			out.WriteString(" -r -F")
		case o.takesDirectory():
			out.WriteString(" -x -a '(__fish_complete_directories)'")
		case o.takesWord():
			out.WriteString(" -x")
		}
		fmt.Fprintf(out, " -d %s\n", fishQuote(o.summary()))
	}
}

func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
