package main

import (
	"testing"

	"uring-socket-proxyd/internal/optiontext"
	"uring-socket-proxyd/test/lib/generated"
)

// TestManual holds the manual page and the completions to the options.
func TestManual(t *testing.T) {
	program := &optiontext.Program{Name: programName, Options: optiontext.Table(new(options).flags()), Files: true}
	generated.Check(t, program, "1")
}
