package main

import (
	"errors"
	"testing"

	"github.com/spf13/pflag"

	"uring-socket-proxyd/internal/optiontext"
	"uring-socket-proxyd/test/lib/generated"
)

// TestManual holds the manual page and the completions to the options.
func TestManual(t *testing.T) {
	program := &optiontext.Program{Name: programName, Options: optiontext.Table(defaultOptions().flags()), Files: true}
	generated.Check(t, program, "8")
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
