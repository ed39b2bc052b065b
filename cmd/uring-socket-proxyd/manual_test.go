package main

import (
	"errors"
	"os"
	"testing"

	"github.com/spf13/pflag"

	"uring-socket-proxyd/internal/optiontext"
	"uring-socket-proxyd/test/lib/generated"
)

const dist = "../../dist/"

// TestManual holds the manual page and the completions to the options.
func TestManual(t *testing.T) {
	program := &optiontext.Program{Name: programName, Options: optiontext.Table(defaultOptions().flags()), Files: true}
	source, err := os.ReadFile(dist + "man/uring-socket-proxyd.8.in")
	if err != nil {
		t.Fatal(err)
	}
	manual, err := optiontext.Manual(program, string(source))
	if err != nil {
		t.Fatal(err)
	}
	generated.Check(t, dist, map[string]string{
		"man/uring-socket-proxyd.8":            manual,
		"completions/uring-socket-proxyd.bash": optiontext.Bash(program),
		"completions/_uring-socket-proxyd":     optiontext.Zsh(program),
		"completions/uring-socket-proxyd.fish": optiontext.Fish(program),
	})
}

// TestChoices has each word that completions offer taken, and others refused.
func TestChoices(t *testing.T) {
	offered := 0
	defaultOptions().flags().VisitAll(func(f *pflag.Flag) {
		chooser, ok := f.Value.(optiontext.Chooser)
		if !ok {
			return
		}
		for _, word := range chooser.Choices() {
			offered++
			if err := f.Value.Set(word); err != nil && !errors.Is(err, errAnswered) {
				t.Errorf("--%s=%s is offered, and refused: %v", f.Name, word, err)
			}
			if err := f.Value.Set(word + "x"); err == nil {
				t.Errorf("--%s=%sx is taken, and not offered", f.Name, word)
			}
		}
	})
	if offered < 9 {
		t.Errorf("only %d words are offered", offered)
	}
}
