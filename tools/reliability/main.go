// Command reliability reports what test suites have tried, from the figures that they left
// in a directory or below it (package figures).
//
//	reliability DIRECTORY            prints a table
//	reliability DIRECTORY DOCUMENT   puts it into a Markdown document
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "reliability: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return fmt.Errorf("%d arguments; give DIRECTORY, or DIRECTORY and DOCUMENT", len(args))
	}
	suites, err := read(args[0])
	if err != nil {
		return err
	}
	if len(args) == 1 {
		return newTable(suites).print(os.Stdout)
	}
	return updateDocument(args[1], suites)
}
