package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/run"
)

func TestToggles(t *testing.T) {
	got, err := parseToggles([]byte(`{"features": [
		{"name": "A", "toggle": "recv-multishot", "present": true, "used": true},
		{"name": "B", "toggle": "sqpoll", "present": true, "used": false},
		{"name": "C", "toggle": "absent", "present": false, "used": false},
		{"name": "D", "present": true, "used": true}]}`))
	if want := []string{"-recv-multishot", "+sqpoll"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := parseToggles([]byte("kernel 6.18")); err == nil {
		t.Error("accepted what is no JSON")
	}
}

func TestOptions(t *testing.T) {
	var s settings
	if err := s.parse(s.flags("run"), []string{"--quick", "--rounds=7", "--scenarios=echo-1,echo-8", "--uring-args=-a", "--uring-args=-b,c"}); err != nil {
		t.Fatal(err)
	}
	if s.rounds != 7 || s.seconds != quickSeconds || len(s.scenarios) != 2 || !slices.Equal(s.uringArgs, []string{"-a", "-b,c"}) {
		t.Errorf("%+v", s)
	}
	if err := s.parse(s.flags("run"), []string{"extra"}); err == nil {
		t.Error("an argument too many was accepted")
	}
}

func TestBarFitsATerminal(t *testing.T) {
	s := run.Step{Scenario: "unix-stream-8", Peer: "original", Round: 5, Rounds: 5, Done: 0.995, Left: 754 * time.Second}
	if line := bar(&s); len(line) > 80 || !strings.Contains(line, "12:34 left") {
		t.Errorf("%d columns: %s", len(line), line)
	}
}

func TestHuman(t *testing.T) {
	for want, got := range map[string]string{
		"1.23 GB/s": human(1.234e9, "B/s"),
		"999 /s":    human(999, "req/s"),
		"1 k/s":     human(999.9, "req/s"),
		"107 k/s":   human(107_321, "req/s"),
		"4.07 ms":   human(4.071, "ms"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A peer without a row in a scenario leaves its column there empty.
func TestTableHasEachInItsColumn(t *testing.T) {
	rate := 5000.0
	rounds := []result.Round{{Rate: &rate, Unit: "req/s"}}
	found := &result.Run{
		Peers: []result.Peer{{Name: "a"}, {Name: "sometimes"}, {Name: "b"}},
		Scenarios: []result.Table{{Name: "echo-8", Rows: []result.Row{
			{Peer: "a", Rounds: rounds}, {Peer: "b", Rounds: rounds}}}},
	}
	var out bytes.Buffer
	printTable(&out, found)
	head, line, _ := strings.Cut(out.String(), "\n")
	if last := strings.LastIndex(line, "5 k/s"); last < strings.LastIndex(head, "sometimes")+len("sometimes") {
		t.Errorf("the last figure is not below b:\n%s", out.String())
	}
}

func TestTableTellsWhatIsInvalid(t *testing.T) {
	rate := 5000.0
	found := &result.Run{
		Peers: []result.Peer{{Name: "good"}, {Name: "bad"}, {Name: "gone", Missing: "not found"}},
		Scenarios: []result.Table{{Name: "echo-1", Flags: []string{"mind this"}, Rows: []result.Row{
			{Peer: "good", Rounds: []result.Round{{Rate: &rate, Unit: "req/s"}}},
			{Peer: "bad", Rounds: []result.Round{{Rate: &rate, Unit: "req/s"}}, Invalid: "wrong bytes"}}}},
	}
	var out bytes.Buffer
	if n := printTable(&out, found); n != 1 {
		t.Errorf("%d rows are invalid", n)
	}
	for _, want := range []string{"5 k/s", "invalid: echo-1, bad: wrong bytes", "missing: gone: not found", "flag: echo-1: mind this"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
