package main

import (
	"fmt"
	"io"

	"uring-socket-proxyd/bench/report"
)

const compareUsage = `proxy-bench compare OLD.json NEW.json

Show what got better or worse from one result to another, figure by figure.
`

// compare is the subcommand compare.
func compare(args []string, stdout io.Writer) error {
	if len(args) == 1 && (args[0] == "-h" || args[0] == "--help") {
		_, err := io.WriteString(stdout, compareUsage)
		return err
	}
	if len(args) != 2 {
		return fmt.Errorf("compare needs two results, got %d arguments\n%s", len(args), compareUsage)
	}
	before, err := report.Read(args[0])
	if err != nil {
		return err
	}
	after, err := report.Read(args[1])
	if err != nil {
		return err
	}
	return report.Compare(stdout, before, after)
}

const docsUsage = `proxy-bench docs RESULT.json DOCUMENT.md

Put the tables and plots of a result into a document, between its two markers.
`

// docs is the subcommand docs.
func docs(args []string, stdout io.Writer) error {
	if len(args) == 1 && (args[0] == "-h" || args[0] == "--help") {
		_, err := io.WriteString(stdout, docsUsage)
		return err
	}
	if len(args) != 2 {
		return fmt.Errorf("docs needs a result and a document, got %d arguments\n%s", len(args), docsUsage)
	}
	result, err := report.Read(args[0])
	if err != nil {
		return err
	}
	return report.UpdateDocs(args[1], result)
}
