// Command vulncheck runs govulncheck on the tree that it is started in, with the Go
// project's own database of vulnerabilities. It takes the database from the module
// golang.org/x/vulndb, which is downloaded like any other module, so no other server is
// needed.
//
// It fails if the installed program can reach a vulnerability. What the benchmark and the
// tests can reach is listed, but is not a failure: they read only what they made
// themselves. If the database is not available, it says so in one line and succeeds,
// although nothing has been checked.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// installed is the program that must not be able to reach a vulnerability.
const installed = "./cmd/uring-socket-proxyd"

func main() {
	os.Exit(run())
}

func run() int {
	directory, err := os.MkdirTemp("", "vulncheck-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(directory)
	source, err := download()
	if err != nil {
		fmt.Printf("vulncheck: skipped, because the vulnerability database is not available: %v\n", err)
		return 0
	}
	entries, err := source.write(directory)
	if err != nil {
		return fail(err)
	}
	fmt.Printf("vulncheck: %d entries as of %s, %d days ago\n", entries, source.Time.Format(time.DateOnly), int(time.Since(source.Time).Hours()/24))
	if findings, err := check(directory, installed); err != nil {
		return fail(err)
	} else if findings != "" {
		fmt.Print(findings)
		return fail(fmt.Errorf("%s can reach the vulnerabilities listed above; update each module to the version that fixes it, or Go itself for the standard library", installed))
	}
	others, err := check(directory, "./...")
	if err != nil {
		return fail(err)
	}
	fmt.Printf("vulncheck: %s can reach none", installed)
	if found := names(others); len(found) > 0 {
		fmt.Printf("; the benchmark and the tests can reach %s", strings.Join(found, ", "))
	}
	fmt.Println()
	return 0
}

// reachable is govulncheck's exit status when the code can reach a vulnerability.
const reachable = 3

// check runs govulncheck with arguments, such as packages, and returns what it says about
// vulnerabilities that these can reach, or nothing.
func check(database string, arguments ...string) (string, error) {
	all := append([]string{"tool", "govulncheck", "-db", "file://" + database}, arguments...)
	output, err := exec.Command("go", all...).Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == reachable {
		return string(output), nil
	}
	if err != nil {
		return "", fmt.Errorf("govulncheck %s: %w", strings.Join(arguments, " "), errors.Join(err, stderrOf(err)))
	}
	return "", nil
}

// names lists the vulnerabilities in what govulncheck says.
func names(findings string) (names []string) {
	for line := range strings.Lines(findings) {
		if _, name, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(line, "Vulnerability #") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

func fail(err error) int {
	fmt.Fprintf(os.Stderr, "vulncheck: %v\n", err)
	return 1
}
