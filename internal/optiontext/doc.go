// Package optiontext makes everything that readers and shells need from a table of
// options: the lines of --help, a manual page in mdoc(7), and completions for bash, zsh
// and fish. All are made from the same pflag.FlagSet, so they cannot disagree.
package optiontext

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Option is an option as readers see it.
type Option struct {
	Short string // its letter, or empty
	Name  string
	// Value is the placeholder for its value, in capitals, such as N or NAME=TARGET;
	// empty if it takes none. If Optional is set, the value can be left out.
	Value    string
	Optional bool
	Default  string // empty if there is none worth mentioning
	// Lines explain it, with the line breaks of --help.
	Lines []string
	// Choices are all values that it takes, if there are only a few.
	Choices []string
}

// Chooser is a pflag.Value that takes one of a few words.
type Chooser interface{ Choices() []string }

// Table returns the options of a set, in its order. The placeholder for a value is the
// word in `backquotes` in the option's usage text, or else the type of its pflag.Value.
func Table(flags *pflag.FlagSet) (table []Option) {
	flags.VisitAll(func(f *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(f)
		o := Option{Short: f.Shorthand, Name: f.Name, Value: strings.ToUpper(value), Lines: strings.Split(usage, "\n")}
		o.Optional = o.Value != "" && f.NoOptDefVal != ""
		if f.DefValue != "[]" && f.DefValue != "false" {
			o.Default = f.DefValue
		}
		if chooser, ok := f.Value.(Chooser); ok {
			o.Choices = chooser.Choices()
		}
		table = append(table, o)
	})
	return table
}

// Program is a command line: its options and everything else in it.
type Program struct {
	Name    string
	Summary string // for a subcommand: what it does, in a few words
	Options []Option
	// Files says that operands can be file names.
	Files       bool
	Subcommands []Program
}

// summary returns an option's meaning on one line, without further explanation.
func (o *Option) summary() string {
	text, _, _ := strings.Cut(strings.Join(o.Lines, " "), ";")
	return text
}

// takesFile reports whether the value is, or can be, a file name. An address to listen on
// can be a UNIX socket.
func (o *Option) takesFile() bool {
	return slices.Contains([]string{"PATH", "FILE", "[NAME=]ADDRESS"}, o.Value)
}

func (o *Option) takesDirectory() bool { return o.Value == "DIRECTORY" }

// takesWord reports whether the value can follow as a separate word.
func (o *Option) takesWord() bool { return o.Value != "" && !o.Optional }
