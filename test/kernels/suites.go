package kernels

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"uring-socket-proxyd/test/kernels/plan"
)

// suite is a package of tests that guests run.
type suite struct {
	Package string // its directory; a suite that the tree does not have is left out
	// Root is the test, or a pattern of several, that has the programs below it, and
	// below each its cases. Without, the tests know no programs.
	Root string
	// Core are the cases that every run has, by name or by what their names begin
	// with; nil for all of them.
	Core []string
	// Not are the cases that no run has, named like those, and why.
	Not map[string]string
	// Rarely keeps the suite out of the core.
	Rarely bool
	// NeedsUring keeps the suite off kernels without the uring engine.
	NeedsUring bool
	// MaySkip are parts of the reasons for skips that no kernel could do away with.
	MaySkip []string
	Flags   []string
}

// noStrace is a reason that a guest has to skip what the machine itself does not.
const noStrace = `"strace": executable file not found`

// suites are what a guest runs, in this order.
var suites = []suite{
	{
		Package: "test/conformance",
		Root:    "TestConformance",
		Core: []string{
			"transport/matrix", "half-close", "stream", "boundary", "reset", "target", "limit", "signal",
			"activation", "trouble", "slow-reader/one", "idle-cost", "vsock", "pass-fds/one", "pass-fds/in-order",
			"accepted", "drain", "timeout/idle", "retry", "proxy-protocol", "map",
		},
		Not: map[string]string{
			"heavy":                     "a gigabyte takes minutes under emulation",
			"transport/64-at-once":      "a gigabyte takes minutes under emulation",
			"slow-reader/64":            "takes minutes under emulation",
			"descriptors/after-streams": "takes minutes under emulation, and each fault ends with the descriptors counted",
		},
		MaySkip: []string{"this kernel has no urgent data over UNIX sockets", "this kernel has no SO_BUF_LOCK", "epoll: no ring", "this kernel has no IORING_FEAT_NO_IOWAIT", noStrace},
	},
	{Package: "test/refused", MaySkip: []string{"this kernel is too old for", noStrace}},
	{Package: "test/clock", Root: "TestClock"},
	{Package: "ring/uring", NeedsUring: true},
	{Package: "test/lossy", Root: "Test.*", Rarely: true},
	{
		Package: "test/faults",
		Root:    "TestFaults",
		Core:    []string{"early-reset", "limit/slowloris", "limit/churn", "drain", "operator", "signal/SIGTERM-storm", "splice", "stall/100", "target"},
		Not: map[string]string{
			"network/dropped-by-nftables":  "needs nft, which a guest has not",
			"network/rejected-by-nftables": "needs nft, which a guest has not",
			"resource/descriptors":         "holds processor time against a bound, and emulation takes ten times as much of it",
		},
		Rarely:  true,
		MaySkip: []string{"it has no pool", "it has no option for that"},
		// A dozen at once, as on a real processor, take longer than connections of tests live.
		Flags: []string{"-test.short", "-test.parallel=4"},
	},
}

// run is which of the cases run.
type run struct {
	everything bool     // not the core of each suite alone
	all        bool     // suites, also those that are kept out of the core
	only       []string // names of suites; nil for all
}

// of returns the suites that run on a kernel.
func (r run) of(k kernel) []suite {
	var some []suite
	for _, s := range suites {
		if !exists(filepath.Join(treeRoot, s.Package)) || s.Rarely && !r.all || s.NeedsUring && k.Engines[0] != "uring" {
			continue
		}
		if r.only != nil && !slices.Contains(r.only, s.name()) {
			continue
		}
		some = append(some, s)
	}
	return some
}

// maySkip reports whether a case was skipped for a reason that is known here.
func (s suite) maySkip(c result) bool {
	return slices.ContainsFunc(s.MaySkip, func(reason string) bool { return strings.Contains(c.text, reason) })
}

// name is the suite's, and its executable's without the ending.
func (s suite) name() string { return filepath.Base(s.Package) }

// args are the flags that choose what runs.
func (s suite) args(k kernel, r run) []string {
	args := append([]string{"-test.v=test2json", "-test.timeout=40m"}, s.Flags...)
	var skip []string
	if k.NoSysctl {
		skip = append(skip, "^TestSysctl$")
	}
	if s.Root != "" {
		args = append(args, "-test.run="+s.pattern(k, s.required(r)))
		if len(s.Not) > 0 {
			skip = append(skip, s.pattern(k, slices.Sorted(maps.Keys(s.Not))))
		}
	}
	if len(skip) > 0 {
		args = append(args, "-test.skip="+strings.Join(skip, "|"))
	}
	return args
}

// required are the cases that must run, where they are listed.
func (s suite) required(r run) []string {
	if r.everything {
		return nil
	}
	return s.Core
}

// pattern matches cases with all of a kernel's programs.
func (s suite) pattern(k kernel, cases []string) string {
	base := fmt.Sprintf("^%s$/^(%s)$", s.Root, strings.Join(k.Engines, "|"))
	if len(cases) == 0 {
		return base
	}
	var patterns []string
	for _, c := range cases {
		patterns = append(patterns, base+"/^"+strings.ReplaceAll(c, "/", "$/^")+"$")
	}
	return strings.Join(patterns, "|")
}

// treeRoot is where the packages are, seen from this one.
const treeRoot = "../.."

// build makes what a guest runs, without libraries: it has none.
func build(directory string) error {
	packages := []string{}
	for _, s := range suites {
		if exists(filepath.Join(treeRoot, s.Package)) {
			packages = append(packages, "./"+s.Package)
		}
	}
	const flags = "-ldflags=-checklinkname=0 -s -w"
	const mainFlags = "-ldflags=uring-socket-proxyd/cmd/uring-socket-proxyd=-checklinkname=0 -s -w -E=_preflight"
	for _, args := range [][]string{
		{"build", "-buildvcs=false", flags, mainFlags, "-o", directory, "./cmd/uring-socket-proxyd", "./test/kernels/init"},
		append([]string{"test", "-c", "-buildvcs=false", flags, "-o", directory}, packages...),
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = treeRoot
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, text)
		}
	}
	return nil
}

// planFor is what a kernel's guest does.
func planFor(k kernel, r run) plan.Plan {
	p := plan.Plan{
		Silence: silence,
		Environment: []string{
			"PROXY_EXECUTABLE=" + program,
			"TEST_PATIENCE=120s",
			"TEST_SYSCTL=yes",             // may be changed: the machine is the suite's own
			"TEST_CLOCK=yes",              // may be set, likewise
			"TEST_ENGINE=" + k.Engines[0], // must be what --engine=auto takes
		},
		Probe: []string{program, "--probe=json"},
	}
	for _, s := range r.of(k) {
		p.Suites = append(p.Suites, plan.Suite{Name: s.name(), Path: "/suites/" + s.name() + ".test", Args: s.args(k, r)})
	}
	return p
}
