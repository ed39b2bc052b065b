// Package optiontext makes what readers and shells need of a table of options: the
// lines of --help, a manual page in mdoc(7), and completions for bash, zsh and fish.
// All are made from the same pflag.FlagSet, so they cannot disagree.
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
	// Value stands for its value, in capitals, as in N or NAME=TARGET; empty if it
	// takes none. Optional tells that the value may be left out.
	Value    string
	Optional bool
	Default  string // empty if there is none worth a word
	// Lines are what it means, as --help breaks the lines.
	Lines []string
	// Choices are all values that it takes, if they are few.
	Choices []string
}

// Chooser is a pflag.Value that takes one of a few words.
type Chooser interface{ Choices() []string }

// Table returns the options of a set, in its order. The word for a value is in
// `backquotes` in the option's usage text, or else the type of its pflag.Value.
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

// Program is a command line: its options, and what stands beside them.
type Program struct {
	Name    string
	Summary string // of a subcommand, a few words
	Options []Option
	// Files tells that operands may be names of files.
	Files       bool
	Subcommands []Program
}

// summary is an option's meaning on one line, up to where it begins to explain.
func (o *Option) summary() string {
	text, _, _ := strings.Cut(strings.Join(o.Lines, " "), ";")
	return text
}

// takesFile tells whether the value is, or may be, the name of a file. What is listened
// on may be a UNIX socket.
func (o *Option) takesFile() bool {
	return slices.Contains([]string{"PATH", "FILE", "[NAME=]ADDRESS"}, o.Value)
}

func (o *Option) takesDirectory() bool { return o.Value == "DIRECTORY" }

// takesWord tells that the value may follow as a word of its own.
func (o *Option) takesWord() bool { return o.Value != "" && !o.Optional }
