package optiontext

import (
	"fmt"
	"strings"
)

// bashHead determines what to complete: cur is the word or value so far, and option is
// the option whose value it is. It needs no library of shell functions.
const bashHead = `# Completion of %[1]s for bash, made from its options.
%[2]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} option= attached= words= kind=
	COMPREPLY=()
	# Where = breaks words, --name=value is three.
	if [[ $cur == "=" ]]; then
		option=$prev attached=yes cur=
	elif [[ $prev == "=" ]] && ((COMP_CWORD > 2)); then
		option=${COMP_WORDS[COMP_CWORD-2]} attached=yes
	elif [[ $cur == --*=* ]]; then
		option=${cur%%%%=*} attached=$option= cur=${cur#*=}
	else
		option=$prev
	fi
`

// bashTail offers the completions that begin with cur.
const bashTail = `	if [[ -n $kind ]]; then
		mapfile -t COMPREPLY < <(compgen "$kind" -- "$cur")
		compopt -o filenames
	else
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	fi
	if [[ $attached == --* ]]; then
		COMPREPLY=("${COMPREPLY[@]/#/$attached}")
	elif [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace
	fi
}
complete -o bashdefault -F %[2]s %[1]s
`

// Bash returns the program's completion for bash(1).
func Bash(p *Program) string {
	var out strings.Builder
	function := "_" + strings.ReplaceAll(p.Name, "-", "_")
	fmt.Fprintf(&out, bashHead, p.Name, function)
	if len(p.Subcommands) == 0 {
		bashOptions(&out, p, "\t")
	} else {
		out.WriteString("\tcase $((COMP_CWORD > 1)):${COMP_WORDS[1]} in\n")
		fmt.Fprintf(&out, "\t0:*)\n\t\twords='%s'\n\t\t;;\n", strings.Join(names(p), " "))
		for i := range p.Subcommands {
			fmt.Fprintf(&out, "\t1:%s)\n", p.Subcommands[i].Name)
			bashOptions(&out, &p.Subcommands[i], "\t\t")
			out.WriteString("\t\t;;\n")
		}
		out.WriteString("\tesac\n")
	}
	fmt.Fprintf(&out, bashTail, p.Name, function)
	return out.String()
}

// names are the words that a command line of the program can begin with.
func names(p *Program) (all []string) {
	for _, s := range p.Subcommands {
		all = append(all, s.Name)
	}
	for i := range p.Options {
		all = append(all, "--"+p.Options[i].Name)
	}
	return all
}

// bashOptions sets words, or kind where names of files or directories are completed.
func bashOptions(out *strings.Builder, p *Program, indent string) {
	line := func(format string, args ...any) { fmt.Fprintf(out, indent+format+"\n", args...) }
	var all, free []string // all options; patterns for those with arbitrary values
	line("case ${attached:+=}$option in")
	for i := range p.Options {
		o := &p.Options[i]
		name := "--" + o.Name
		if o.Value == "" {
			all = append(all, name)
			continue
		}
		pattern := "=" + name
		if o.takesWord() {
			all = append(all, name+"=")
			pattern += "|" + name
			if o.Short != "" {
				pattern += "|-" + o.Short
			}
		} else {
			all = append(all, name)
		}
		switch {
		case len(o.Choices) > 0:
			line("%s) words='%s' ;;", pattern, strings.Join(o.Choices, " "))
		case o.takesFile():
			line("%s) kind=-f ;;", pattern)
		case o.takesDirectory():
			line("%s) kind=-d ;;", pattern)
		default:
			free = append(free, pattern)
		}
	}
	if len(free) > 0 {
		line("%s) return ;;", strings.Join(free, "|"))
	}
	switch {
	case p.Files && len(all) > 0:
		line("*) if [[ $cur == -* ]]; then words='%s'; else kind=-f; fi ;;", strings.Join(all, " "))
	case p.Files:
		line("*) kind=-f ;;")
	default:
		line("*) words='%s' ;;", strings.Join(all, " "))
	}
	line("esac")
}
