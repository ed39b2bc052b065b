package harness

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
)

const commandPackage = "uring-socket-proxyd/cmd/uring-socket-proxyd"

// What make gives to the linker.
const (
	linkerFlags     = "-ldflags=-checklinkname=0"
	mainLinkerFlags = "-ldflags=" + commandPackage + "=-checklinkname=0 -E=_preflight"
)

// Command returns the executable of another command of ours, built as the test is.
func Command(t testing.TB, name string) string {
	t.Helper()
	builds.mu.Lock()
	defer builds.mu.Unlock()
	args := []string{"build", "-buildvcs=false", linkerFlags}
	if RaceBuilt {
		args = append(args, "-race")
	}
	path, err := buildAs(name, args, "uring-socket-proxyd/cmd/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Main runs a package's tests, leaves their figures and removes what they built.
// Call it from TestMain.
func Main(m *testing.M) int {
	defer func() {
		if dir := builds.dir; dir != "" {
			os.RemoveAll(dir)
		}
	}()
	heedSignals()
	status := m.Run()
	if err := figures.Write(status == 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// heedSignals has programs begin with signals as a service manager leaves them, although
// these tests may have been started by nohup or in the background of a shell: what they
// ignore, programs would too, but what they catch goes back to its default there.
func heedSignals() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// builds holds the executables of this test process, each made on first use.
var builds struct {
	mu   sync.Mutex
	dir  string
	done map[string]string // by name: the path
}

// build returns the command's executable, with or without the race detector, or the
// one that $PROXY_EXECUTABLE names: where there is no compiler, as on a kernel under
// test.
func build(t testing.TB, race bool) string {
	t.Helper()
	if path := os.Getenv("PROXY_EXECUTABLE"); path != "" {
		return path
	}
	name, args := "plain", []string{"build", "-buildvcs=false", linkerFlags, mainLinkerFlags}
	if race {
		name, args = "race", append(args, "-race")
	}
	builds.mu.Lock()
	defer builds.mu.Unlock()
	if path, ok := builds.done[name]; ok {
		return path
	}
	path, err := buildAs(name, args, commandPackage)
	if err != nil {
		t.Fatal(err)
	}
	if builds.done == nil {
		builds.done = make(map[string]string)
	}
	builds.done[name] = path
	return path
}

func buildAs(name string, args []string, what string) (string, error) {
	if builds.dir == "" {
		dir, err := os.MkdirTemp("", "proxy-build-")
		if err != nil {
			return "", err
		}
		if err := os.Chmod(dir, 0o755); err != nil { // another user may run what is there
			return "", err
		}
		builds.dir = dir
	}
	path := filepath.Join(builds.dir, name)
	cmd := exec.Command("go", append(args, "-o", path, what)...)
	if !slices.Contains(args, "-race") { // which needs cgo
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", what, err, out)
	}
	return path, nil
}
