package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var logCases = []Case{
	{
		Name:  "log/silent",
		Shows: "at the default level, connections that work leave no line",
		Run:   func(t *testing.T, p *harness.Program) { logLines(t, p, "", 0, 0) },
	},
	{
		Name:  "log/debug",
		Shows: "SYSTEMD_LOG_LEVEL=debug shows more",
		Run:   func(t *testing.T, p *harness.Program) { logLines(t, p, "SYSTEMD_LOG_LEVEL=debug", 1, 1000) },
	},
	{
		Name:   "log/ended",
		Shows:  "with SYSTEMD_LOG_LEVEL=debug, the last line says how many connections and bytes there were",
		Except: notOriginal("counts nothing"),
		Run:    logEnd,
	},
	{
		Name:  "log/crit",
		Shows: "SYSTEMD_LOG_LEVEL=crit hides even errors",
		Run:   logCritical,
	},
	{
		Name:   "log/journal-prefix",
		Shows:  "where the journal's own socket cannot be reached, lines have the <N> priority of sd-daemon(3) when stderr is the journal's stream, and only then",
		Except: notOriginal("writes no priorities"),
		Run:    journalPrefix,
	},
}

func logLines(t *testing.T, p *harness.Program, variable string, least, most int) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{target.Target()}, Env: environment(variable)})
	echoOnce(t, proxy)
	proxy.Signal(15)
	proxy.AwaitExit()
	if n := len(proxy.Lines()); n < least || n > most {
		t.Errorf("%d lines, want %d to %d:\n%s", n, least, most, proxy.Stderr())
	}
}

func logEnd(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	for range 3 {
		echoOnce(t, proxy) // 5 bytes each way
	}
	proxy.Signal(15)
	proxy.AwaitExit()
	want := "ended: accepted=3 refused=0 failed=0 broken=0 bytes-to-target=15 bytes-to-client=15"
	if got := proxy.AwaitLine("ended: accepted="); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func environment(variable string) []string {
	if variable == "" {
		return nil
	}
	return []string{variable}
}

func logCritical(t *testing.T, p *harness.Program) {
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{harness.Unused(t, harness.Unix).Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=crit"},
	})
	proxy.Dial(t).ExpectGone()
	proxy.Signal(15)
	proxy.AwaitExit()
	if lines := proxy.Lines(); len(lines) > 0 {
		t.Errorf("wrote:\n%s", proxy.Stderr())
	}
}

// journalPrefix makes a program write an error, to a pipe that is the journal's
// stream, to one that is not, and to a file that is.
func journalPrefix(t *testing.T, p *harness.Program) {
	if _, err := os.Stat("/run/systemd/journal/socket"); err == nil {
		t.Skip("this machine has a journal, which would get what the program says; test/systemd looks at that")
	}
	line := func(o harness.Options) string {
		o.Args = []string{harness.Unused(t, harness.Unix).Target()}
		proxy := harness.StartProxyWith(t, p, harness.TCP4, o)
		proxy.Dial(t).ExpectGone()
		return proxy.AwaitLine("cannot reach")
	}
	if got := line(harness.Options{Journal: true}); !strings.HasPrefix(got, "<3>cannot reach") {
		t.Errorf("to the journal: %q", got)
	}
	if got := line(harness.Options{Env: []string{"JOURNAL_STREAM=1:2"}}); !strings.HasPrefix(got, "cannot reach") {
		t.Errorf("elsewhere, though there is a journal: %q", got)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	process := harness.Start(t, p, harness.Options{Stderr: file, Env: []string{harness.JournalStream(t, file)}, MayFail: true})
	process.AwaitExit()
	if text, err := os.ReadFile(file.Name()); !strings.HasPrefix(strings.TrimPrefix(string(text), "\n"), "<3>") {
		t.Errorf("at start: %q, %v", text, err)
	}
}
