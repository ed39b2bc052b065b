package report

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/target"
)

// compete is a run of one scenario.
func compete(rows ...result.Row) *result.Run {
	run := single(rows...)
	for _, row := range rows {
		run.Peers = append(run.Peers, result.Peer{Name: row.Peer})
	}
	return run
}

// steady is a row with the same rate in each of five rounds.
func steady(peer string, rate float64) result.Row { return rated(peer, rate, rate, rate, rate, rate) }

func throughput(against target.Against, relation target.Relation, value float64) target.Target {
	return target.Target{Scenario: "echo-1", Peer: "uring", Figure: "throughput", Against: against,
		Bound: target.Bound{Relation: relation, Value: value}}
}

// judged is what became of a target, as "yes: 2.00× (2.00 to 2.00)".
func judged(run *result.Run, t target.Target) string {
	l := newTargetLine(run, t)
	return fmt.Sprintf("%s, %s, %s: %s", l.Against, l.Target, l.Verdict(), l.Found())
}

func TestTargetsAreMetOrMissed(t *testing.T) {
	run := compete(steady("direct", 900), steady("original", 100), steady("nginx", 160), rated("uring", 190, 200, 200, 200, 240),
		steady("uring-busy", 500))
	for _, test := range []struct {
		against  target.Against
		relation target.Relation
		value    float64
		want     string
	}{
		{target.Original, target.AtLeast, 1.5, "original, ≥ 1.5×, yes: 2.00× (1.90 to 2.40)"},
		{target.Original, target.AtLeast, 2, "original, ≥ 2×, yes: 2.00× (1.90 to 2.40)"},
		{target.Original, target.AtLeast, 2.05, "original, ≥ 2.05×, no: 2.00× (1.90 to 2.40)"},
		{target.Original, target.AtMost, 2, "original, ≤ 2×, yes: 2.00× (1.90 to 2.40)"},
		{target.Original, target.Below, 2, "original, < 2×, no: 2.00× (1.90 to 2.40)"},
		{target.Best, target.AtLeast, 1.25, "best: nginx, ≥ 1.25×, yes: 1.25× (1.19 to 1.50)"},
		{target.Best, target.AtLeast, 1.26, "best: nginx, ≥ 1.26×, no: 1.25× (1.19 to 1.50)"},
	} {
		if got := judged(run, throughput(test.against, test.relation, test.value)); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// What just misses must not be shown as if it met.
func TestRoundingDoesNotHideAMiss(t *testing.T) {
	run := compete(steady("original", 1000), steady("uring", 989.7))
	want := "original, ≥ 0.99×, no: 0.9897× (0.990 to 0.990)"
	if got := judged(run, throughput(target.Original, target.AtLeast, 0.99)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTargetsThatWereNotMeasured(t *testing.T) {
	invalid, skipped, empty := steady("uring", 200), result.Row{Peer: "uring", Skipped: "no"}, steady("uring", 200)
	invalid.Rounds[3].Errors = []string{"a byte was altered"}
	for i := range empty.Rounds {
		empty.Rounds[i].Rate = nil
	}
	broken := steady("original", 100)
	broken.Invalid = "lost bytes"
	open := compete(steady("original", 100), steady("uring", 200))
	open.Scenarios[0].Loop = "open"
	missing := compete(steady("original", 100))
	missing.Peers = append(missing.Peers, result.Peer{Name: "uring", Missing: "not built"})
	for _, test := range []struct {
		name    string
		run     *result.Run
		against target.Against
		want    string
	}{
		{"no scenario", &result.Run{}, target.Original, "the scenario did not run"},
		{"open loop", open, target.Original, "the loop was open"},
		{"invalid", compete(steady("original", 100), invalid), target.Original, "the row of uring is invalid"},
		{"skipped", compete(steady("original", 100), skipped), target.Original, "uring was skipped"},
		{"missing", missing, target.Original, "uring is missing"},
		{"left out", compete(steady("original", 100)), target.Original, "uring took no part"},
		{"no figure", compete(steady("original", 100), empty), target.Original, "no round of both has the figure"},
		{"no figure at all", compete(empty), target.Nobody, "no round has the figure"},
		{"invalid original", compete(broken, steady("uring", 200)), target.Original, "the row of original is invalid"},
		{"no original", compete(steady("nginx", 100), steady("uring", 200)), target.Original, "original took no part"},
		{"no other", compete(steady("direct", 900), steady("epoll", 100), steady("uring", 200)), target.Best, "no other has the figure"},
	} {
		l := newTargetLine(test.run, throughput(test.against, target.AtLeast, 0))
		if l.Met || l.Verdict() != "-" || l.Found() != "not measured: "+test.want {
			t.Errorf("%s: %s %s, want %s", test.name, l.Verdict(), l.Found(), test.want)
		}
	}
}

func TestAbsoluteTargets(t *testing.T) {
	row := result.Row{Peer: "uring"}
	for _, wakeups := range []float64{0, 0, 0, 66, 67} {
		descriptors := 2 + wakeups/300_000
		row.Rounds = append(row.Rounds, result.Round{IdleWakeups: &wakeups, IdleDescriptors: &descriptors})
	}
	run := compete(row)
	absolute := func(figure string, value float64) target.Target {
		return target.Target{Scenario: "echo-1", Peer: "uring", Figure: figure, Against: target.Nobody,
			Bound: target.Bound{Relation: target.AtMost, Value: value}}
	}
	check := func(figure string, value float64, want string) {
		t.Helper()
		if got := judged(run, absolute(figure, value)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	check("wake-ups while idle", 0, "absolute, ≤ 0/s, yes: 0/s (0/s to 67/s)")
	check("descriptors per idle connection", 2, "absolute, ≤ 2, yes: 2 (2 to 2.00)")
	row.Rounds = row.Rounds[2:]
	run = compete(row)
	check("wake-ups while idle", 0, "absolute, ≤ 0/s, no: 66/s (0/s to 67/s)")
	check("descriptors per idle connection", 2, "absolute, ≤ 2, no: 2.0002 (2 to 2.00)")
}

func TestScorecardCounts(t *testing.T) {
	run := compete(steady("original", 100), steady("uring", 200))
	gone := throughput(target.Original, target.AtLeast, 1)
	gone.Scenario = "echo-8"
	card := newScorecard(run, []target.Target{throughput(target.Original, target.AtLeast, 1), gone, throughput(target.Original, target.AtLeast, 3)})
	if got := card.Summary(); got != "1 of 2 targets met; 1 more are about scenarios that did not run" {
		t.Error(got)
	}
	card.Lines[1].Missing = "so"
	if got := card.Summary(); got != "1 of 2 targets met, 1 not measured; 1 more are about scenarios that did not run" {
		t.Error(got)
	}
	card.Lines, card.Elsewhere = card.Lines[:1], 0
	if got := card.Summary(); got != "1 of 1 targets met" {
		t.Error(got)
	}
}

// The features of io_uring are compared with each other, not with the targets.
func TestARunOfOursAloneHasNoTargets(t *testing.T) {
	run := compete(steady("uring", 10), steady("uring -recv-multishot", 8))
	var out bytes.Buffer
	PrintTargets(&out, run)
	if out.Len() > 0 || newDocument(run).Targets != nil {
		t.Errorf("it has: %s", out.String())
	}
}

// TestTargetsAreShown looks for one line of each kind in each form of the report.
func TestTargetsAreShown(t *testing.T) {
	run := fullRun()
	var terminal bytes.Buffer
	PrintTargets(&terminal, run)
	dir := fullReport(t)
	table, page := read(t, dir, "table.md"), read(t, dir, "report.html")
	summary := newScorecard(run, target.All()).Summary()
	if !strings.HasSuffix(terminal.String(), "\n\n"+summary+"\n") || strings.Contains(terminal.String(), "NaN") {
		t.Errorf("the terminal shows\n%s", terminal.String())
	}
	for where, text := range map[string]string{"terminal": spaced(terminal.String()), "table.md": spaced(table), "page": spaced(page)} {
		for _, wanted := range []string{
			summary, "echo-64 uring throughput original ≥ 3.5×",
			"echo-1 uring-busy p50 best ≤ 0.7× not measured: uring-busy is missing -",
			"idle-3000 uring descriptors per connection absolute ≤ 2 2 (2 to 2) yes",
			"idle-3000 uring wake-ups absolute ≤ 0/s 0.",
			"echo-1000 uring p99.9 original < 1×", "unix-64 epoll throughput original ≥ 1×",
		} {
			if !strings.Contains(text, wanted) {
				t.Errorf("%s lacks %q", where, wanted)
			}
		}
	}
}

var tags = regexp.MustCompile(`</?[a-z][^>]*>|[|*]`)

// spaced is the text without what makes it a table or a page.
func spaced(text string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(text, " "))), " ")
}
