// Package faults does to real proxies what attackers, broken peers and unlucky
// operators do, in named cases, once for each engine. Each case asserts that the
// bytes that survive are right, no descriptor is left behind, memory stays bounded,
// and connections that are not part of the fault go on undisturbed.
//
// With -short the cases are smaller, for slow machines. Cases that need more than the
// program, a shell and loopback say so in Needs, and are skipped if that is missing.
package faults

import (
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// Case is a kind of fault.
type Case struct {
	Name  string
	Shows string // a sentence about a program that stands it
	// Needs are what not every machine has.
	Needs []need
	// Alone keeps other cases from running at the same time: for those that fill or
	// change the machine. Processor time and memory are measured of the program alone.
	Alone bool
	Run   func(t *testing.T, p *harness.Program)
}

// need returns why a case cannot run here, if it cannot.
type need func() (reason string)

// root is the need for namespaces, other users and ports below 1024.
func root() string {
	if os.Geteuid() != 0 {
		return "needs root"
	}
	return ""
}

// command is the need for an installed program.
func command(name string) need {
	return func() string {
		if _, err := exec.LookPath(name); err != nil {
			return name + " is not installed"
		}
		return ""
	}
}

// cases are all of them.
var cases = slices.Concat(
	resetCases,
	earlyResetCases,
	stallCases,
	limitCases,
	targetCases,
	networkCases,
	resourceCases,
	shortageCases,
	spliceCases,
	signalCases,
	drainCases,
	resolverCases,
	outputCases,
	operatorCases,
	clockCases,
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Most cases wait for something, not for the processor. A -parallel that was
	// given stays.
	if !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.Contains(arg, "test.parallel") }) {
		flag.Set("test.parallel", "12")
	}
	os.Exit(harness.Main(m))
}

func TestFaults(t *testing.T) {
	for _, p := range harness.Ours {
		t.Run(p.Name, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) { c.run(t, p) })
			}
		})
	}
}

func (c *Case) run(t *testing.T, p *harness.Program) {
	for _, need := range c.Needs {
		if reason := need(); reason != "" {
			t.Skip(reason)
		}
	}
	if !c.Alone {
		t.Parallel()
	}
	c.Run(t, p)
}

// injected counts faults.
func injected(n int) { figures.Count("faults", int64(n)) }

// scaled is n, or a tenth of it with -short.
func scaled(n int) int {
	if testing.Short() {
		return max(1, n/10)
	}
	return n
}
