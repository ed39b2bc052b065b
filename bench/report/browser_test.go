package report

import (
	"bytes"
	"context"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// probe looks at the page from inside: errors, overlapping or clipped labels in
// plots, and a page wider than its window.
//
//go:embed testdata/probe.js
var probe string

// browser has headless Chromium take a screenshot of a file, and returns what the page
// put on the console.
func browser(t *testing.T, file, shot string, arguments ...string) (console []string) {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("neither chromium nor chromium-browser is in $PATH: apt-get install chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	arguments = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--user-data-dir=" + t.TempDir(),
		"--enable-logging=stderr", "--v=0", "--screenshot=" + shot,
	}, append(arguments, "file://"+file)...)
	command := exec.CommandContext(ctx, program, arguments...)
	var log bytes.Buffer
	command.Stderr = &log
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, log.String())
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") {
			console = append(console, line)
		}
	}
	return console
}

// views are the ways in which people look at the page.
var views = []struct {
	name      string
	arguments []string
}{
	{"desktop", []string{"--window-size=1280,3600"}},
	{"phone", []string{"--window-size=390,6000"}},
	{"dark", []string{"--window-size=1280,3600", "--blink-settings=preferredColorScheme=0"}},
}

// TestReportInBrowser keeps its screenshots in $BENCH_SCREENSHOTS, if set.
func TestReportInBrowser(t *testing.T) {
	dir := fullReport(t)
	shots := os.Getenv("BENCH_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	for _, view := range views {
		t.Run(view.name, func(t *testing.T) {
			shot := filepath.Join(shots, "report-"+view.name+".png")
			problems := probed(t, filepath.Join(dir, "report.html"), shot, view.arguments...)
			if info, err := os.Stat(shot); err != nil || info.Size() < 10_000 {
				t.Errorf("no screenshot worth the name at %s: %v", shot, err)
			}
			for _, problem := range problems {
				t.Error(problem)
			}
		})
	}
}

var policy = regexp.MustCompile(`(<meta http-equiv="Content-Security-Policy" content="[^"]*)(">)`)

// probed runs the probe in a copy of the page, whose policy permits it and nothing else
// that was not permitted, and returns the problems, and all else that is on the console.
func probed(t *testing.T, page, shot string, arguments ...string) (problems []string) {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !policy.Match(content) {
		t.Fatal("the page has no Content-Security-Policy")
	}
	content = policy.ReplaceAll(content, []byte("$1; script-src 'nonce-probe'$2<script nonce=\"probe\">"+strings.ReplaceAll(probe, "$", "$$")+"</script>"))
	copied := filepath.Join(t.TempDir(), "probed.html")
	if err := os.WriteFile(copied, content, 0o644); err != nil {
		t.Fatal(err)
	}
	ran := false
	for _, line := range browser(t, copied, shot, arguments...) {
		if strings.Contains(line, `"the probe has run"`) {
			ran = true
		} else {
			problems = append(problems, "on the console: "+line)
		}
	}
	if !ran {
		t.Fatalf("the probe did not run: %q", problems)
	}
	return problems
}

// TestProbeFindsProblems: a probe that finds nothing anywhere would prove nothing.
func TestProbeFindsProblems(t *testing.T) {
	page := filepath.Join(t.TempDir(), "bad.html")
	content := `<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="">
<div style="width:9999px">wide</div>
<svg viewBox="0 0 100 100" width="100"><text x="10" y="50">one</text><text x="12" y="52">two</text><text x="90" y="20">outside</text></svg>
<script nonce="probe">throw new Error("broken")</script>
<script>document.body.remove()</script>`
	if err := os.WriteFile(page, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	found := strings.Join(probed(t, page, filepath.Join(t.TempDir(), "bad.png")), "\n")
	for _, want := range []string{"wider than its window", "overlap: one and two", "outside its plot: outside", "Uncaught Error: broken", "Content Security Policy"} {
		if !strings.Contains(found, want) {
			t.Errorf("the probe did not find %q, only:\n%s", want, found)
		}
	}
}
