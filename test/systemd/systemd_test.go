// Package systemd runs the proxy under a real systemd: Debian's, as process 1 of a
// machine that systemd-nspawn boots for each case. The units are those of the
// original's manual page and the hardened ones of dist/systemd.
//
// It needs root, and makes a Debian tree with debootstrap on first use, so it runs
// only on request, by make systemd.
package systemd

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

// askedFor is the variable that make systemd sets.
const askedFor = "TEST_SYSTEMD"

func TestMain(m *testing.M) {
	flag.Parse()
	// Cases wait for systemd more than for the processor. A -parallel that was given
	// stays.
	if !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.Contains(arg, "test.parallel") }) {
		flag.Set("test.parallel", "4")
	}
	os.Exit(harness.Main(m))
}

// Case is one thing that holds under systemd.
type Case struct {
	Name  string
	Shows string // a sentence about what systemd and the proxy do
	// Setups are the units that it is run with.
	Setups []*Setup
	Run    func(t *testing.T, m *Machine)
}

var cases = [][]Case{
	manualCases,
	serviceCases,
	idleCases,
	watchdogCases,
	restartCases,
	journalCases,
	fieldCases,
	hardenedCases,
}

func TestSystemd(t *testing.T) {
	tree := debian(t)
	for _, group := range cases {
		for _, c := range group {
			for _, s := range c.Setups {
				t.Run(c.Name+"/"+s.Name, func(t *testing.T) {
					t.Parallel()
					figures.Count("cases", 1)
					m := Boot(t, tree)
					m.Setup = s
					s.Install(m)
					c.Run(t, m)
				})
			}
		}
	}
}

// require skips where the suite was not asked for or cannot run.
func require(t *testing.T) {
	t.Helper()
	if os.Getenv(askedFor) == "" {
		t.Skipf("%s is not set: this makes a Debian tree and boots it; run make systemd", askedFor)
	}
	if os.Getuid() != 0 {
		t.Skip("booting a machine with systemd-nspawn needs root")
	}
	for _, program := range []string{"debootstrap", "systemd-nspawn", "nsenter", "apt-get"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed; tools/install-packages installs it on Debian", program)
		}
	}
}
