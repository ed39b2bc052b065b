package metrics

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// With $METRICS_DOC=yes the tests renew what they check in the document.
const document = "../../docs/metrics.md"

// section is what stands in the document between the two marks of a name.
func section(t *testing.T, name string) string {
	t.Helper()
	_, rest, begun := strings.Cut(readDocument(t), mark(name, "begin"))
	text, _, ended := strings.Cut(rest, mark(name, "end"))
	if !begun || !ended {
		t.Fatalf("%s has no section %s", document, name)
	}
	return text
}

func mark(name, what string) string { return fmt.Sprintf("<!-- %s: %s -->\n", name, what) }

func readDocument(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// renew replaces a section, if it is asked for.
func renew(t *testing.T, name, text string) {
	t.Helper()
	if os.Getenv("METRICS_DOC") == "" {
		return
	}
	old := section(t, name)
	whole := strings.Replace(readDocument(t), mark(name, "begin")+old, mark(name, "begin")+text, 1)
	if err := os.WriteFile(document, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentTable compares the table of metrics with what proxies tell.
func TestDocumentTable(t *testing.T) {
	epoll := make(map[string]bool)
	for _, f := range families(t, harness.Epoll) {
		epoll[f.name] = true
	}
	var table strings.Builder
	table.WriteString("| metric | type | labels | engine | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range families(t, harness.Uring) {
		engine := "both"
		if !epoll[f.name] {
			engine = "uring"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s |\n", f.name, f.kind, strings.Join(f.labels, ", "), engine, f.help)
	}
	renew(t, "metrics", table.String())
	if got := section(t, "metrics"); got != table.String() {
		t.Errorf("%s is not up to date; make metrics-docs renews it. It has\n%s\nwant\n%s", document, got, table.String())
	}
}

// TestDocumentAlerts looks for the metrics of the alerts.
func TestDocumentAlerts(t *testing.T) {
	told := told(t)
	found := 0
	for _, match := range regexp.MustCompile(`(?m)^ +expr: (.+)$`).FindAllStringSubmatch(readDocument(t), -1) {
		found++
		for _, name := range metricsOf(t, "an alert", match[1]) {
			if _, ok := told[name]; !ok && name != "up" {
				t.Errorf("there is no %s", name)
			}
		}
	}
	if found < 3 {
		t.Errorf("%d alerts are in %s", found, document)
	}
}

// TestDocumentLiveView draws the live view of a proxy that is busy, and compares its
// rows with those in the document.
func TestDocumentLiveView(t *testing.T) {
	proxy, metrics := serve(t, harness.Uring.Plain(), "--idle-timeout=1min")
	stop := make(chan struct{})
	var clients sync.WaitGroup
	defer clients.Wait()
	defer close(stop)
	for i := range 12 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				client, err := harness.TryDial(proxy.Address, harness.SocketOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				exchange(t, client, 1+i*20)
				client.Close()
			}
		})
	}
	view := draw(t, metrics.Text)
	renew(t, "view", "```\n"+view+"```\n")
	if got, want := names(section(t, "view")), names("```\n"+view+"```\n"); !slices.Equal(got, want) {
		t.Errorf("%s has the rows %q, and the live view %q; make metrics-docs renews it", document, got, want)
	}
}

func exchange(t *testing.T, c interface {
	Write([]byte) (int, error)
	Read([]byte) (int, error)
}, times int) {
	message := make([]byte, 4096)
	for range times {
		if _, err := c.Write(message); err != nil {
			t.Error(err)
			return
		}
		for left := len(message); left > 0; {
			n, err := c.Read(message[:left])
			if err != nil {
				t.Error(err)
				return
			}
			left -= n
		}
	}
}

// names are the first words of the rows of a view.
func names(view string) (found []string) {
	for line := range strings.Lines(view) {
		if line[0] != ' ' && line != "\n" {
			name, _, _ := strings.Cut(line, "  ")
			name, _, _ = strings.Cut(name, " ")
			found = append(found, name)
		}
	}
	return found
}

// draw returns the second screen that the live view draws.
func draw(t *testing.T, metrics string) string {
	t.Helper()
	ours, theirs := harness.Terminal(t, 30, 80)
	cmd := exec.Command(harness.Command(t, "uring-socket-proxyd-top"), "--interval=1s", "--count=2", metrics)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	var all strings.Builder
	buffer := make([]byte, 4096)
	for { // until the terminal has no program any more
		n, err := ours.Read(buffer)
		all.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v:\n%s", err, all.String())
	}
	frames := strings.Split(all.String(), "\033[H")
	text := regexp.MustCompile(`\x1b\[[?0-9]*[a-zA-Z]`).ReplaceAllString(frames[len(frames)-1], "")
	return strings.TrimRight(strings.ReplaceAll(text, "\r", ""), "\n") + "\n"
}
