package report

import (
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"uring-socket-proxyd/bench/result"
)

// TestMain removes the report that the tests share.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "report-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared.dir = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// shared is a report with all there is, of fullRun. It is written once, as most of the
// tests' time would go into drawing it again.
var shared struct {
	dir  string
	once sync.Once
	err  error
}

// fullReport is the directory with that report, which tests only read.
func fullReport(t *testing.T) string {
	t.Helper()
	shared.once.Do(func() { shared.err = Write(shared.dir, fullRun()) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.dir
}

// written is a directory with the report of a made-up run.
func written(t *testing.T, run *result.Run) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "report")
	if err := Write(dir, run); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestReadGivesBackWhatWriteWrote(t *testing.T) {
	run := fullRun()
	back, err := Read(filepath.Join(fullReport(t), "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(withoutNull(*run))
	got, _ := json.Marshal(back)
	if string(want) != string(got) {
		t.Error("the run changed on its way through result.json")
	}
}

func TestReadRefuses(t *testing.T) {
	for content, want := range map[string]string{
		"":                               "is not a benchmark result",
		"[]":                             "is not a benchmark result",
		"{}":                             `has no "version"`,
		`{"version": 999}`:               "has layout version 999, this proxy-bench reads version 1",
		`{"version": 1, "peers": "all"}`: "does not keep to its layout",
	} {
		path := filepath.Join(t.TempDir(), "result.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want the path and %q", content, err, want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "missing.json")); err == nil {
		t.Error("a missing file was read")
	}
}

func TestWriteRefusesWhatJSONCannotHold(t *testing.T) {
	run := fabricated(1, 5)
	run.Scenarios[0].Rows[0].Rounds[0].Latency.Max = math.Inf(1)
	if err := Write(t.TempDir(), run); err == nil || !strings.Contains(err.Error(), "JSON") {
		t.Errorf("an infinite latency gave %v", err)
	}
}

func TestWriteOfAnEmptyRun(t *testing.T) {
	page := read(t, written(t, &result.Run{Version: result.Version}), "report.html")
	if strings.Contains(page, "At a glance") {
		t.Error("a run without rows has an overview")
	}
}

func TestEveryPlotIsThereTwice(t *testing.T) {
	dir := fullReport(t)
	for _, name := range []string{
		"throughput-requests", "throughput-connections", "throughput-streams", "cpu-requests", "cpu-connections", "cpu-streams",
		"idle-memory", "activate", "latency-echo-1", "latency-echo-8", "latency-echo-64", "latency-echo-1000", "latency-unix-64",
		"latency-echo-64-open-20000",
	} {
		svg := read(t, dir, "plots", name+".svg")
		if !strings.Contains(svg, "uring</text>") || strings.Contains(svg, "NaN") {
			t.Errorf("%s.svg does not name uring, or has a NaN", name)
		}
		file, err := os.Open(filepath.Join(dir, "plots", name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(file); err != nil {
			t.Errorf("%s.png: %v", name, err)
		}
		file.Close()
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	page := read(t, fullReport(t), "report.html")
	for _, forbidden := range []string{"<script", "src=", "@import", "url(", "<link", "https://"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page contains %q", forbidden)
		}
	}
	for _, wanted := range []string{"Missing: rinetd", "&lt;script&gt;alert(1)", "invalid: socat: 3 of 1,000", "the load generator may be the bottleneck"} {
		if !strings.Contains(page, wanted) {
			t.Errorf("the page lacks %q", wanted)
		}
	}
}

func TestMarkdown(t *testing.T) {
	table := read(t, fullReport(t), "table.md")
	for _, wanted := range []string{
		"# Benchmark results\n", "## echo-64\n", "**Missing: rinetd** (no program rinetd",
		"- kernel: Linux 6.18.0-made-up", "'--out=made up <by a test>'", "## echo-64, open loop at 20,000/s",
		"| socat | invalid: socat: 3 of 1,000 connections were refused \\| \"connection reset by peer\" |",
		"| socat | skipped: socat takes no listening socket from systemd |",
		"> **Mind:** direct is not faster than nginx", "![Throughput: requests](plots/throughput-requests.svg)",
		"- loop: closed: ", "- loop: open at 20,000 per second: ", "throughput against the best other, haproxy",
		"````\n# configuration of uring\n",
	} {
		if !strings.Contains(table, wanted) {
			t.Errorf("table.md lacks %q", wanted)
		}
	}
	columns := 0
	for line := range strings.Lines(table) {
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if strings.HasPrefix(line, "|") && columns != 0 && n != columns {
			t.Errorf("a row has %d bars, its table's head %d: %s", n, columns, line)
		}
		columns = n
	}
}

func TestFewRoundsGiveNoVerdict(t *testing.T) {
	table := newDocument(fabricated(1, 3)).markdown(1, "plots")
	if strings.Contains(table, "**better**") || !strings.Contains(table, "too few rounds") || !strings.Contains(table, "verdicts: none: they take 5 rounds") {
		t.Error("three rounds gave a verdict, or no hint why there is none")
	}
}
