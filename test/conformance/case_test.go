// Package conformance runs named cases against real proxies: ours and the
// original. A case says what it shows; if a program is known to behave differently,
// that is part of the case, and asserted like the rest.
//
// With $PARITY=FILE the table of cases and programs, and the cost of an idle
// connection, are written to FILE in Markdown.
package conformance

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// Case is one thing that a proxy does.
type Case struct {
	Name  string
	Shows string // a sentence about a program that does it
	// Except tells what another program does instead, by the program's name.
	Except map[string]Exception
	// Alone keeps other cases from running at the same time: for those that
	// measure memory or fill the machine.
	Alone bool
	Run   func(t *testing.T, p *harness.Program)
}

// Exception is how a program differs.
type Exception struct {
	Does string // in words, for the table
	// Untested tells that the case is not run against the program: it has no
	// such feature, or what it does is a matter of chance.
	Untested bool
}

// original says what the original does instead, old or new. Run asserts it.
func original(does string) map[string]Exception { return either(older(does), newer(does)) }

// notOriginal says why the original is left out, old and new.
func notOriginal(why string) map[string]Exception { return either(notOlder(why), notNewer(why)) }

// older and newer say what one of the two does instead.
func older(does string) map[string]Exception {
	return map[string]Exception{harness.Original.Name: {Does: does}}
}

func newer(does string) map[string]Exception {
	return map[string]Exception{harness.Newest.Name: {Does: does}}
}

// notOlder and notNewer say why one of the two is left out.
func notOlder(why string) map[string]Exception {
	return map[string]Exception{harness.Original.Name: {Does: why, Untested: true}}
}

func notNewer(why string) map[string]Exception {
	return map[string]Exception{harness.Newest.Name: {Does: why, Untested: true}}
}

// untested leaves out one of ours, which has no such way.
func untested(p *harness.Program, why string) map[string]Exception {
	return map[string]Exception{p.Name: {Does: why, Untested: true}}
}

// either is what of older or notOlder goes with what of newer or notNewer.
func either(a, b map[string]Exception) map[string]Exception {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// cases are all of them, in the order of the table.
var cases = slices.Concat(
	transportCases,
	halfCloseCases,
	streamCases,
	boundaryCases,
	resetCases,
	lostEndCases,
	lateResetCases,
	targetCases,
	selfConnectCases,
	fullBacklogCases,
	memoryCases,
	memoryLimitCases,
	ceilingCases,
	stoppedReaderCases,
	limitCases,
	endFirstCases,
	halfOpenCases,
	idleExitCases,
	signalCases,
	drainCases,
	notifyCases,
	statusCases,
	activationCases,
	acceptedCases,
	inheritsCases,
	listenCases,
	mapCases,
	metricsCases,
	metricsServerCases,
	optionCases,
	logCases,
	logConnectionsCases,
	descriptorCases,
	troubleCases,
	proxyProtocolCases,
	proxyHeaderCases,
	outboundCases,
	fastOpenCases,
	passingCases,
	passingEndCases,
	timeoutCases,
	keepaliveCases,
	slowReaderCases,
	frozenCases,
	retryCases,
	leavingCases,
	vsockCases,
	workerCases,
	sizeCases,
	idleCostCases,
	iowaitCases,
	busyPollCases,
	heavyCases,
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Most cases wait for something, not for the processor. A -parallel that
	// was given stays.
	if !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.Contains(arg, "test.parallel") }) {
		flag.Set("test.parallel", "12")
	}
	status := harness.Main(m)
	if path := os.Getenv("PARITY"); path != "" {
		if err := writeParity(path); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			status = 1
		}
	}
	os.Exit(status)
}

// TestConformance has what runs alone go first, of each program in turn: a program's
// t.Parallel returns when all have done so. Then all other cases of all programs share the
// machine, and none waits for the slowest of another program.
func TestConformance(t *testing.T) {
	for _, p := range harness.Programs {
		t.Run(p.Name, func(t *testing.T) {
			runCases(t, p, func(c *Case) bool { return c.Alone })
			t.Parallel()
			runCases(t, p, func(c *Case) bool { return !c.Alone })
		})
	}
}

func runCases(t *testing.T, p *harness.Program, which func(*Case) bool) {
	for _, c := range cases {
		if which(&c) {
			t.Run(c.Name, func(t *testing.T) { c.run(t, p) })
		}
	}
}

func (c *Case) run(t *testing.T, p *harness.Program) {
	t.Cleanup(func() { results.record(c, p, t) })
	if e := c.Except[p.Name]; e.Untested {
		t.Skipf("%s: %s", p.Name, e.Does)
	}
	p.Executable(t) // skips when it is not installed
	if !c.Alone {
		t.Parallel()
	}
	figures.Count("cases", 1)
	c.Run(t, p)
}

// each runs a subtest for each row of a table, by name, at the same time.
func each[T any](t *testing.T, rows []T, name func(T) string, run func(*testing.T, T)) {
	for _, row := range rows {
		t.Run(name(row), func(t *testing.T) {
			t.Parallel()
			run(t, row)
		})
	}
}

// overEach makes what a case runs of what runs for each row.
func overEach[T any](rows []T, name func(T) string, run func(*testing.T, *harness.Program, T)) func(*testing.T, *harness.Program) {
	return func(t *testing.T, p *harness.Program) {
		each(t, rows, name, func(t *testing.T, row T) { run(t, p, row) })
	}
}
