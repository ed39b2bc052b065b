// Package manual checks the manual pages and the completions as their users see them:
// through mandoc, and in the shells that they are for.
package manual

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

const dist = "../../dist/"

var pages = []string{"uring-socket-proxyd.8", "uring-socket-proxyd-top.1", "proxy-bench.1"}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed; tools/install-packages installs it on Debian", program)
	}
}

// What lint says of other pages depends on which are installed.
var elsewhere = regexp.MustCompile(`referenced manual not found|outdated mandoc\.db`)

func TestPagesAreClean(t *testing.T) {
	need(t, "mandoc")
	for _, page := range pages {
		out, _ := exec.Command("mandoc", "-T", "lint", "-W", "style", dist+"man/"+page).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if !elsewhere.MatchString(line) {
				t.Error(strings.TrimSpace(line))
			}
		}
	}
}

// TestPageSaysWhatHelpSays compares each option's text, as it is rendered, with the one
// of --help, word by word.
func TestPageSaysWhatHelpSays(t *testing.T) {
	need(t, "mandoc")
	rendered, err := exec.Command("mandoc", "-T", "ascii", "-O", "width=200", dist+"man/"+pages[0]).Output()
	if err != nil {
		t.Fatal(err)
	}
	// Bold and underlined letters are printed over each other.
	rendered = regexp.MustCompile(`.\x08`).ReplaceAll(rendered, nil)
	_, options, _ := strings.Cut(string(rendered), "\nOPTIONS\n")
	manual := words(options)
	blocks := helpBlocks(t)
	if len(blocks) < 15 {
		t.Fatalf("--help has only %d options", len(blocks))
	}
	for _, block := range blocks {
		head, text, _ := strings.Cut(block, " ")
		want := words(text)
		if !strings.Contains(manual, want) {
			t.Errorf("the manual page does not say of %s what --help says: %s", head, want)
		}
		if !strings.Contains(manual, " "+head+want) {
			t.Errorf("in the manual page, %s is not before what --help says of it", head)
		}
	}
}

func words(text string) string { return " " + strings.Join(strings.Fields(text), " ") + " " }

// helpBlocks are the options of --help: each its long form, a blank, and its text.
func helpBlocks(t *testing.T) (blocks []string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(harness.Epoll.Plain().Executable(t), "--help")
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	_, options, _ := strings.Cut(out.String(), "\nOptions:\n")
	options, _, _ = strings.Cut(options, "\n\n")
	for line := range strings.Lines(options) {
		if strings.HasPrefix(line, "          ") {
			blocks[len(blocks)-1] += " " + strings.TrimSpace(line)
			continue
		}
		_, block, found := strings.Cut(line, "--")
		if !found {
			t.Fatalf("no option in %q", line)
		}
		blocks = append(blocks, "--"+strings.TrimSpace(block))
	}
	return blocks
}
