package conformance

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

var iowaitCases = []Case{
	{
		Name:   "idle-cost/iowait",
		Shows:  "a program that waits does not count as waiting for a disk (iowait, I/O pressure), where the kernel allows that (6.15)",
		Except: either(untested(harness.Epoll, "no ring"), notOriginal("no ring")),
		Run:    overCrews(iowait),
	},
}

// What strace shows of io_uring_setup(2) and io_uring_enter(2), without names: it may be
// older than the names.
var (
	ringSetup = regexp.MustCompile(`io_uring_setup\(\d+, \{.*features=(0x[0-9a-f]+)`)
	ringEnter = regexp.MustCompile(`io_uring_enter\(\d+, \d+, (\d+), (0x[0-9a-f]+|0)`)
)

const (
	featNoIowait  = 1 << 17 // IORING_FEAT_NO_IOWAIT
	enterNoIowait = 1 << 7  // IORING_ENTER_NO_IOWAIT
)

// iowait looks at the calls: what they cost others to see is up to the whole machine.
func iowait(t *testing.T, p *harness.Program, workers string) {
	trace := filepath.Join(harness.ShortDir(t), "trace")
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, traced(t, p, "-o"+trace, "-Xraw", "-etrace=io_uring_setup,io_uring_enter"), harness.TCP4, target.Target(), workers)
	for range 3 {
		echoOnce(t, proxy)
	}
	proxy.Signal(unix.SIGTERM)
	wantExit(t, p, proxy.Process, "")
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	setUp := ringSetup.FindSubmatch(text)
	if setUp == nil {
		t.Fatalf("no ring is set up in\n%s", text)
	}
	if features, _ := strconv.ParseUint(string(setUp[1]), 0, 64); features&featNoIowait == 0 {
		t.Skip("this kernel has no IORING_FEAT_NO_IOWAIT")
	}
	waits := 0
	for _, call := range ringEnter.FindAllSubmatch(text, -1) {
		if string(call[1]) == "0" { // it waits for nothing
			continue
		}
		waits++
		if flags, _ := strconv.ParseUint(string(call[2]), 0, 64); flags&enterNoIowait == 0 {
			t.Fatalf("it waits by %s", call[0])
		}
	}
	if waits == 0 {
		t.Fatalf("it never waits in\n%s", text)
	}
}
