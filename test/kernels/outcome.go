package kernels

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"uring-socket-proxyd/test/lib/debian"
)

// result is how one case went on one kernel.
type result struct {
	suite, engine, name string // engine is empty where the suite knows none
	outcome             string // "pass", "fail" or "skip", as test2json says
	text                string // what it wrote
}

// event is one of test2json's.
type event struct{ Action, Test, Output string }

// results reads what a suite wrote.
func (s *told) results(k kernel) ([]result, error) {
	tests, err := s.tests()
	if err != nil {
		return nil, err
	}
	var results []result
	for _, t := range tests {
		if engine, name, ok := caseOf(t.name, tests, k); ok {
			results = append(results, result{s.name, engine, name, t.outcome(tests), t.withBelow(tests)})
		}
	}
	return results, nil
}

// test is one that ran, with those below it apart.
type test struct {
	name, last string // last is the action that it ended with
	text       strings.Builder
}

// tests replays what a suite wrote.
func (s *told) tests() ([]*test, error) {
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = strings.NewReader(s.text.String())
	text, err := debian.Output(cmd)
	if err != nil {
		return nil, err
	}
	var order []*test
	byName := make(map[string]*test)
	for decoder := json.NewDecoder(strings.NewReader(text)); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return order, nil
		} else if err != nil {
			return nil, fmt.Errorf("test2json: %w", err)
		}
		if e.Test == "" {
			continue
		}
		t, known := byName[e.Test]
		if !known {
			t = &test{name: e.Test}
			byName[e.Test] = t
			order = append(order, t)
		}
		switch e.Action {
		case "pass", "fail", "skip":
			t.last = e.Action
		case "output":
			if !strings.HasPrefix(e.Output, "=== ") {
				t.text.WriteString(e.Output)
			}
		}
	}
}

// outcome is how a test ended: as a failure if it did not end, as skipped if one below
// it was.
func (t *test) outcome(tests []*test) string {
	if t.last == "" {
		return "fail"
	}
	if t.last == "pass" && slices.ContainsFunc(tests, func(o *test) bool { return o.last == "skip" && strings.HasPrefix(o.name, t.name+"/") }) {
		return "skip"
	}
	return t.last
}

// withBelow is what a test and those below it wrote.
func (t *test) withBelow(tests []*test) string {
	text := t.text.String()
	for _, other := range tests {
		if strings.HasPrefix(other.name, t.name+"/") {
			text += other.text.String()
		}
	}
	return text
}

// caseOf reports whether a test is a case: the first below that of an engine or, where
// none is below an engine's, that itself, and where there are no engines, one that is
// below no other.
func caseOf(name string, tests []*test, k kernel) (engine, rest string, ok bool) {
	elements := strings.Split(name, "/")
	at := slices.IndexFunc(elements, func(e string) bool { return slices.Contains(k.Engines, e) })
	below := strings.Join(elements[at+1:], "/")
	switch {
	case at < 0:
		return "", name, len(elements) == 1 && !hasEngines(name, tests, k)
	case below == "":
		return elements[at], strings.Join(elements[:at], "/"), !hasBelow(name, tests)
	}
	// A case's own name may have slashes, but no test's name then is part of it.
	for n := at + 2; n < len(elements); n++ {
		above := strings.Join(elements[:n], "/")
		if slices.ContainsFunc(tests, func(t *test) bool { return t.name == above }) {
			return "", "", false
		}
	}
	return elements[at], below, true
}

// hasEngines reports whether the tests below one are those of the engines.
func hasEngines(name string, tests []*test, k kernel) bool {
	return slices.ContainsFunc(tests, func(t *test) bool {
		below, ok := strings.CutPrefix(t.name, name+"/")
		return ok && slices.Contains(k.Engines, below)
	})
}

func hasBelow(name string, tests []*test) bool {
	return slices.ContainsFunc(tests, func(t *test) bool { return strings.HasPrefix(t.name, name+"/") })
}
