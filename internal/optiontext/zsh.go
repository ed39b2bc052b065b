package optiontext

import (
	"fmt"
	"strings"
)

// Zsh returns the program's completion for zsh(1), an autoloaded function.
func Zsh(p *Program) string {
	var out strings.Builder
	fmt.Fprintf(&out, "#compdef %[1]s\n# Completion of %[1]s for zsh, made from its options.\n", p.Name)
	if len(p.Subcommands) == 0 {
		zshOptions(&out, p, "")
		return out.String()
	}
	out.WriteString("if ((CURRENT == 2)); then\n\tlocal -a subcommands=(\n")
	for _, s := range p.Subcommands {
		fmt.Fprintf(&out, "\t\t%s\n", zshQuote(s.Name+":"+s.Summary))
	}
	out.WriteString("\t)\n\t_describe subcommand subcommands\n")
	out.WriteString("\tcompadd -- --help\n\treturn\nfi\n((CURRENT--))\nshift words\ncase $words[1] in\n")
	for i := range p.Subcommands {
		fmt.Fprintf(&out, "%s)\n", p.Subcommands[i].Name)
		zshOptions(&out, &p.Subcommands[i], "\t")
		out.WriteString("\t;;\n")
	}
	out.WriteString("esac\n")
	return out.String()
}

// zshOptions writes a call of _arguments, one line per option.
func zshOptions(out *strings.Builder, p *Program, indent string) {
	fmt.Fprintf(out, "%s_arguments -s -S", indent)
	for i := range p.Options {
		o := &p.Options[i]
		value := ""
		switch {
		case len(o.Choices) > 0:
			value = "(" + strings.Join(o.Choices, " ") + ")"
		case o.takesFile():
			value = "_files"
		case o.takesDirectory():
			value = "_files -/"
		}
		meaning := "[" + zshMeaning.Replace(o.summary()) + "]"
		colon := ""
		if o.Value != "" {
			colon = ":" + strings.ToLower(o.Value) + ":" + value
		}
		sign := map[bool]string{true: "="}[o.takesWord()]
		if o.Optional {
			sign, colon = "=-", ":"+colon
		}
		// * lets an option be given again: the last one counts, or all do.
		fmt.Fprintf(out, " \\\n%s\t%s", indent, zshQuote("*--"+o.Name+sign+meaning+colon))
		if o.Short != "" {
			sign := map[bool]string{true: "+"}[o.Value != ""]
			fmt.Fprintf(out, " \\\n%s\t%s", indent, zshQuote("*-"+o.Short+sign+meaning+colon))
		}
	}
	if p.Files {
		fmt.Fprintf(out, " \\\n%s\t'*:target:_files'", indent)
	}
	out.WriteString("\n")
}

// zshMeaning keeps an explanation from ending early.
var zshMeaning = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `:`, `\:`)

func zshQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
