package kernels

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"uring-socket-proxyd/test/kernels/plan"
	"uring-socket-proxyd/test/lib/debian"
	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// TestKernels runs the suites on each kernel and shows how each case went.
func TestKernels(t *testing.T) {
	images, built := ready(t)
	r := run{all: os.Getenv("KERNELS") != "", everything: os.Getenv("KERNELS") != "" && os.Getenv("KERNELS_CASES") != "core"}
	if only := os.Getenv("KERNELS_SUITES"); only != "" {
		r.only = strings.Fields(only)
	}
	reports := make([]*report, len(images))
	t.Cleanup(func() { // after all kernels, which run at the same time
		if !slices.Contains(reports, nil) {
			show(t, reports, r)
		}
	})
	for n, i := range images {
		t.Run(i.Name, func(t *testing.T) {
			t.Parallel()
			g, err := boot(t.Context(), i, built, planFor(i.kernel, r), progress(t, i))
			if err != nil {
				t.Fatal(err)
			}
			reports[n] = reportOf(t, g)
			check(t, reports[n], r)
		})
	}
}

// show prints the table and, if all went well, writes the document.
func show(t *testing.T, reports []*report, r run) {
	table := markdown(reports, r)
	fmt.Fprintf(t.Output(), "\n%s", table)
	path := os.Getenv("KERNELS_DOC")
	if path == "" {
		return
	}
	if t.Failed() || os.Getenv("KERNELS") != "all" || os.Getenv("KERNELS_SUITES") != "" {
		t.Logf("%s is not written: it tells of a run of all kernels and suites in which all went well", path)
		return
	}
	if err := os.WriteFile(path, []byte(table), 0o644); err != nil {
		t.Error(err)
	}
}

// TestAlarms has a kernel panic, and say that it has warned, and a suite hang: what else
// could tell that this would be noticed?
func TestAlarms(t *testing.T) {
	images, built := ready(t)
	for name, c := range map[string]struct {
		script string
		want   []string
	}{
		"panic":   {"echo c > /proc/sysrq-trigger", []string{"kernel panic", "sysrq triggered crash", "call trace", "fault: === run   begun", "ended before it was done"}},
		"warning": {"echo '<4>WARNING: on purpose' > /dev/kmsg; echo 512 > /proc/sys/kernel/tainted", []string{"warning: on purpose", "fault: === run   begun", "tainted by a warning"}},
		"silence": {"exec sleep 3600", []string{"fault wrote nothing for 30s", "show blocked state", "show backtrace of all active cpus", "fault: signal: quit"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault := plan.Plan{Silence: 30 * time.Second, Suites: []plan.Suite{{Name: "fault", Path: busybox, Args: []string{"sh", "-c", "echo '=== RUN   begun'; until dmesg | grep -q 'RUN   begun'; do :; done; " + c.script}}}}
			g, err := boot(t.Context(), images[0], built, fault, func(plan.Record) {})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range g.suites {
				g.trouble = append(g.trouble, s.name+": "+s.status)
			}
			alarms := strings.ToLower(strings.Join(append(g.alarms(), g.trouble...), "\n"))
			for _, want := range c.want {
				if !strings.Contains(alarms, want) {
					t.Errorf("nothing of %q in:\n%s", want, alarms)
				}
			}
		})
	}
}

// ready returns the kernels' images and where the executables are, or skips the test
// where kernels cannot be booted.
func ready(t *testing.T) (images []image, built string) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the kernels are for amd64")
	}
	for _, needed := range []string{emulator, busybox, sbin("depmod"), sbin("modprobe"), "xz", "dpkg-deb"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skipf("%s is missing; tools/install-packages installs it", needed)
		}
	}
	some, err := chosen()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range some {
		i, err := obtain(k, func(format string, args ...any) { say(t, format, args...) })
		if errors.Is(err, debian.ErrNone) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, i)
	}
	built = t.TempDir()
	if err := build(built); err != nil {
		t.Fatal(err)
	}
	return images, built
}

// say writes a line of progress at once, under go test -v.
func say(t *testing.T, format string, args ...any) { fmt.Fprintf(t.Output(), format+"\n", args...) }

// progress tells where a guest is: at its start, at each end of a suite and, as a
// suite may take minutes, after some of its tests.
func progress(t *testing.T, i image) func(plan.Record) {
	const often = 50
	began, ended := time.Now(), 0
	return func(r plan.Record) {
		at := time.Since(began).Round(time.Second)
		switch before := ended; {
		case r.Probe != "":
			say(t, "%s: booted after %v", i.Name, at)
		case r.Status != "":
			say(t, "%s: %s ended after %v with %s", i.Name, r.Suite, at, r.Status)
		case r.Suite != "":
			ended += strings.Count(r.Output, "--- PASS") + strings.Count(r.Output, "--- FAIL") + strings.Count(r.Output, "--- SKIP")
			if ended/often > before/often {
				say(t, "%s: %d tests ended after %v", i.Name, ended, at)
			}
		}
	}
}

// check fails the test for all that went wrong on a kernel.
func check(t *testing.T, r *report, chosen run) {
	t.Helper()
	for _, trouble := range append(r.guest.trouble, r.guest.alarms()...) {
		t.Errorf("%s: %s", r.guest.Release, trouble)
	}
	for _, s := range chosen.of(r.guest.kernel) {
		checkSuite(t, r, s, s.required(chosen))
	}
	if r.probe.Engine != r.guest.Engines[0] {
		t.Errorf("%s: --probe announces %q because of %q, want %s", r.guest.Release, r.probe.Engine, r.probe.Reason, r.guest.Engines[0])
	}
	figures.Count("kernels", 1)
	figures.Count("cases", int64(len(r.results)))
	for what, n := range r.counts {
		figures.Count(what, n)
	}
}

// checkSuite fails the test for what went wrong in one suite. required are the cases
// that must have run.
func checkSuite(t *testing.T, r *report, s suite, required []string) {
	t.Helper()
	for _, c := range r.results {
		where := strings.Join(strings.Fields(r.guest.Release+" "+c.engine+" "+c.suite+" "+c.name), " ")
		switch {
		case c.suite != s.name():
		case c.outcome == "fail":
			t.Errorf("%s failed:\n%s", where, c.text)
		case c.outcome == "skip" && !s.maySkip(c):
			t.Errorf("%s was skipped, for which no kernel here is a reason:\n%s", where, c.text)
		}
	}
	told := r.guest.suite(s.name())
	if told.status != "exit status 0" && !r.failedIn(s.name()) {
		t.Errorf("%s: %s ended with %q:\n%s", r.guest.Release, s.name(), told.status, lastLines(told.text.String(), around))
	}
	for _, missing := range r.missing(s, required) {
		t.Errorf("%s: no case of %s is called %s, or begins so", r.guest.Release, s.name(), missing)
	}
}

// reportOf reads what a guest told.
func reportOf(t *testing.T, g *guest) *report {
	t.Helper()
	r := &report{guest: g, counts: make(map[string]int64)}
	for _, s := range g.suites {
		results, err := s.results(g.kernel)
		if err != nil {
			t.Fatal(err)
		}
		r.results = append(r.results, results...)
		if s.figures == nil {
			continue
		}
		var counted figures.Suite
		if err := json.Unmarshal(s.figures, &counted); err != nil {
			t.Fatal(err)
		}
		for what, n := range counted.Counts {
			r.counts[what] += n
		}
	}
	if g.probe == "" {
		t.Errorf("%s: nothing came of --probe", g.Release)
	} else if err := json.Unmarshal([]byte(g.probe), &r.probe); err != nil {
		t.Error(err)
	}
	return r
}
