package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
)

// leave writes a suite's figures as package figures does.
func leave(t *testing.T, directory string, counts map[string]int64) {
	t.Helper()
	t.Setenv("FIGURES", directory)
	for what, n := range counts {
		figures.Count(what, n)
	}
	if err := figures.Write(true); err != nil {
		t.Fatal(err)
	}
}

// put writes a file as a suite of another kernel would.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const faultsOn61 = `{"name": "faults", "kernel": "6.1.0", "seconds": 12.4, "passed": true,
	"counts": {"faults": 1234, "connections": 1000000, "bytes": 3221225472, "idle": 0}}`

func TestTable(t *testing.T) {
	directory := t.TempDir()
	put(t, filepath.Join(directory, "faults.json"), faultsOn61)
	put(t, filepath.Join(directory, "model.json"), `{"name": "model", "kernel": "6.18.1", "seconds": 2, "passed": true, "counts": {"seeds": 300, "steps": 1500000, "odd": 7}}`)
	suites, err := read(directory)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := newTable(suites).print(&out); err != nil {
		t.Fatal(err)
	}
	want := `SUITE   KERNEL  FAULTS  CONNECTIONS  SEEDS  STEPS      BYTES    ODD  SECONDS
faults  6.1.0   1,234   1,000,000                      3.0 GiB       12
model   6.18.1                       300    1,500,000           7    2
2 suites, 2 kernels, 14 s: 1,234 faults, 1,000,000 connections, 300 seeds, 1,500,000 steps, 3.0 GiB, 7 odd
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// TestWhatSuitesLeave reads what package figures itself writes.
func TestWhatSuitesLeave(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "made", "here")
	leave(t, directory, map[string]int64{"faults": 3})
	suites, err := read(directory)
	if err != nil {
		t.Fatal(err)
	}
	table := newTable(suites)
	if len(suites) != 1 || suites[0].Name != "reliability" || !strings.HasPrefix(table.sum(), "1 suite, 1 kernel, ") || !strings.Contains(table.sum(), ": 3 faults, 0 connections") {
		t.Errorf("%+v: %s", suites, table.sum())
	}
}

func TestDocument(t *testing.T) {
	directory := t.TempDir()
	put(t, filepath.Join(directory, "soak", "soak.json"), `{"name": "soak", "kernel": "6.18.1", "seconds": 600, "passed": true, "counts": {"faults": 1}}`)
	put(t, filepath.Join(directory, "test", "faults.json"), faultsOn61)
	document := filepath.Join(directory, "document.md")
	const before, after = "# Title\n\nWords.\n\n", "\n\nThe end.\n"
	put(t, document, before+documentBegin+"\nold\n"+documentEnd+after)
	write := func() {
		t.Helper()
		if err := run([]string{directory, document}); err != nil {
			t.Fatal(err)
		}
	}
	write() // in place of what was there
	if err := os.Remove(filepath.Join(directory, "soak", "soak.json")); err != nil {
		t.Fatal(err)
	}
	write() // with the section of a target that left nothing, as it was
	want := before + documentBegin + `

### make test

| suite | kernel | faults | connections | bytes | seconds |
| --- | --- | ---: | ---: | ---: | ---: |
| faults | 6.1.0 | 1,234 | 1,000,000 | 3.0 GiB | 12 |

1 suite, 1 kernel, 12 s: 1,234 faults, 1,000,000 connections, 3.0 GiB.

### make soak

| suite | kernel | faults | seconds |
| --- | --- | ---: | ---: |
| soak | 6.18.1 | 1 | 600 |

1 suite, 1 kernel, 600 s: 1 faults, 0 connections.

` + documentEnd + after
	if got, err := os.ReadFile(document); string(got) != want || err != nil {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestRefusals are what must not pass for a report.
func TestRefusals(t *testing.T) {
	directory := t.TempDir()
	document := filepath.Join(directory, "document.md")
	put(t, document, documentBegin+"\n"+documentEnd+"\n")
	expect := func(part string) {
		t.Helper()
		if err := run([]string{directory, document}); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want an error about %q", err, part)
		}
	}
	expect("no figures in")
	figures := filepath.Join(directory, "test", "faults.json")
	put(t, figures, "{")
	expect("faults.json")
	put(t, figures, `{"name": "faults", "passed": false}`)
	expect("failed: faults")
	if err := run([]string{directory}); err != nil {
		t.Errorf("the figures of a suite that failed are not printed: %v", err)
	}
	put(t, figures, faultsOn61)
	put(t, document, "no place")
	expect("has no line")
	if err := run(nil); err == nil {
		t.Error("no arguments are accepted")
	}
}
