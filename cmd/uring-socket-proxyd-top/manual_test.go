package main

import (
	"os"
	"testing"

	"uring-socket-proxyd/internal/optiontext"
	"uring-socket-proxyd/test/lib/generated"
)

const dist = "../../dist/"

// TestManual holds the manual page and the completions to the options.
func TestManual(t *testing.T) {
	program := &optiontext.Program{Name: programName, Options: optiontext.Table(new(options).flags()), Files: true}
	source, err := os.ReadFile(dist + "man/uring-socket-proxyd-top.1.in")
	if err != nil {
		t.Fatal(err)
	}
	manual, err := optiontext.Manual(program, string(source))
	if err != nil {
		t.Fatal(err)
	}
	generated.Check(t, dist, map[string]string{
		"man/uring-socket-proxyd-top.1":            manual,
		"completions/uring-socket-proxyd-top.bash": optiontext.Bash(program),
		"completions/_uring-socket-proxyd-top":     optiontext.Zsh(program),
		"completions/uring-socket-proxyd-top.fish": optiontext.Fish(program),
	})
}
