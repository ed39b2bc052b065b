package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"uring-socket-proxyd/bench/peer"
	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/scenario"
)

func TestOrderRotates(t *testing.T) {
	for round, want := range [][]int{{2, 5, 7}, {5, 7, 2}, {7, 2, 5}, {2, 5, 7}} {
		if got := order([]int{2, 5, 7}, round); !slices.Equal(got, want) {
			t.Errorf("round %d: %v, want %v", round, got, want)
		}
	}
}

// table has one round per rate.
func table(rates map[string][]float64) *result.Table {
	t := new(result.Table)
	for _, name := range []string{"direct", "fast", "slow"} {
		row := result.Row{Peer: name}
		for _, rate := range rates[name] {
			row.Rounds = append(row.Rounds, result.Round{Rate: &rate})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func TestFlags(t *testing.T) {
	rates := map[string][]float64{"direct": {10, 100, 100}, "fast": {100, 100, 99}, "slow": {500, 50, 50}}
	found := flags(table(rates))
	if len(found) != 1 || !strings.HasPrefix(found[0], "fast is not slower than direct") {
		t.Errorf("flags are %q", found)
	}
	open := table(rates)
	open.Rate = 100
	if found := flags(open); len(found) != 1 || !strings.HasPrefix(found[0], "slow did not keep up") {
		t.Errorf("flags of an open loop are %q", found)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	right := Options{Scenarios: scenario.All, Peers: []peer.Peer{{Name: peer.Direct}}, Rounds: 1, Seconds: 1}
	if err := right.check(); err != nil {
		t.Error(err)
	}
	for _, spoil := range []func(*Options){
		func(o *Options) { o.Rounds = 0 },
		func(o *Options) { o.Seconds = 0 },
		func(o *Options) { o.Rate = -1 },
		func(o *Options) { o.Peers = nil },
	} {
		wrong := right
		spoil(&wrong)
		if wrong.check() == nil {
			t.Errorf("accepted %+v", wrong)
		}
	}
}

func TestScenariosThatNobodyTakesPartInAreRefused(t *testing.T) {
	found, err := peer.Find([]string{"uring-busy"}, "/bin/true", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), Options{Peers: found, Scenarios: scenario.All, Rounds: 1, Seconds: 1})
	if err == nil || !strings.Contains(err.Error(), "none of the peers takes part in echo-8") {
		t.Errorf("got %v", err)
	}
}

// A program of ours that does not know an option ends at once. Its row says so, and
// scenarios that it is not for have no row of it.
func TestAProxyThatRefusesToStart(t *testing.T) {
	program := filepath.Join(t.TempDir(), "refuses")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho unknown option >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	found, err := peer.Find([]string{peer.Direct, "uring-busy"}, program, "")
	if err != nil {
		t.Fatal(err)
	}
	scenarios, err := scenario.Named([]string{"echo-1", "echo-8"})
	if err != nil {
		t.Fatal(err)
	}
	measured, err := Run(t.Context(), Options{Peers: found, Scenarios: scenarios, Rounds: 2, Seconds: 0.05, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	rows := measured.Scenarios[0].Rows
	if len(rows) != 2 || rows[0].Invalid != "" || rows[1].Invalid == "" ||
		!strings.Contains(strings.Join(rows[1].Rounds[0].Errors, "\n"), "uring-busy wrote: unknown option") {
		t.Errorf("rows of echo-1: %+v", rows)
	}
	if rows := measured.Scenarios[1].Rows; len(rows) != 1 || rows[0].Peer != peer.Direct {
		t.Errorf("rows of echo-8: %+v", rows)
	}
}

// direct is a run without a proxy.
func direct(t *testing.T, o Options) *result.Run {
	t.Helper()
	o.Rounds, o.Peers = 2, []peer.Peer{{Name: peer.Direct}, {Name: "absent", Missing: "for the test"}}
	found, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Peers) != 2 || found.Peers[1].Missing == "" || len(found.Scenarios[0].Rows) != 1 {
		t.Errorf("a missing peer is not named as missing: %+v", found.Peers)
	}
	return found
}

func TestResult(t *testing.T) {
	var steps []Step
	found := direct(t, Options{Scenarios: []scenario.Scenario{{Name: "echo-2", Kind: scenario.Echo, Connections: 2, MessageSize: 64}},
		Seconds: 0.1, Seed: 1, Progress: func(s Step) { steps = append(steps, s) }})
	row := found.Scenarios[0].Rows[0]
	if row.Invalid != "" || len(row.Rounds) != 2 {
		t.Fatalf("row %+v", row)
	}
	for _, round := range row.Rounds {
		if *round.Rate < 100 || round.Unit != "req/s" || round.Latency == nil || round.Latency.P50 <= 0 || round.CPU != nil {
			t.Errorf("round %+v", round)
		}
	}
	if len(steps) != 3 || steps[0].Done != 0 || steps[2].Done != 1 || steps[2].Left != 0 {
		t.Errorf("progress: %+v", steps)
	}
}

func TestOpenLoopIsLabelled(t *testing.T) {
	found := direct(t, Options{Seconds: 0.1, Seed: 1, Rate: 200, Scenarios: []scenario.Scenario{
		{Name: "echo", Kind: scenario.Echo, Connections: 2, MessageSize: 64},
		{Name: "stream", Kind: scenario.Stream, Connections: 1, MessageSize: 64 << 10}}})
	if table := found.Scenarios[0]; table.Loop != "open" || table.Rate != 200 || table.Rows[0].Invalid != "" {
		t.Errorf("table %+v", table)
	}
	if table := found.Scenarios[1]; table.Loop != "closed" || table.Rate != 0 {
		t.Errorf("a stream is %s", table.Loop)
	}
}

// An interrupt ends the run, its processes and its files.
func TestInterrupt(t *testing.T) {
	scratch := t.TempDir()
	t.Setenv("TMPDIR", scratch)
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(200*time.Millisecond, func() { cancel(interrupted) })
	_, err := Run(ctx, Options{Rounds: 1, Seconds: 60, Peers: []peer.Peer{{Name: peer.Direct}},
		Scenarios: []scenario.Scenario{{Name: "echo", Kind: scenario.Echo, Connections: 2, MessageSize: 64}}})
	if !errors.Is(err, interrupted) {
		t.Errorf("the run ended with %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(scratch, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	children, err := os.ReadFile("/proc/thread-self/children")
	if err == nil && len(children) > 0 {
		t.Errorf("processes left behind: %s", children)
	}
}
