package main

import (
	"testing"

	"github.com/spf13/pflag"

	"uring-socket-proxyd/internal/optiontext"
	"uring-socket-proxyd/test/lib/generated"
)

// TestManual holds the manual page and the completions to the options.
func TestManual(t *testing.T) {
	var s settings
	program := &optiontext.Program{Name: programName, Subcommands: []optiontext.Program{
		{Name: "run", Summary: "measure, and write a report", Options: tableWithHelp(s.runFlags())},
		{Name: "features", Summary: "measure what individual io_uring features buy", Options: tableWithHelp(s.flags("features"))},
		{Name: "compare", Summary: "show what got better or worse", Files: true},
		{Name: "docs", Summary: "put a result into a document", Files: true},
	}}
	generated.Check(t, program, "1")
}

// tableWithHelp adds the option that pflag has by itself. What depends on where the
// test runs is what depends on where the program is installed.
func tableWithHelp(flags *pflag.FlagSet) []optiontext.Option {
	table := optiontext.Table(flags)
	for i := range table {
		if name := table[i].Name; name == "proxy" || name == "gocopy" {
			table[i].Default = "beside this program"
		}
	}
	return append(table, optiontext.Option{Short: "h", Name: "help", Lines: []string{"show the options and exit"}})
}
