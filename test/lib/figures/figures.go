// Package figures counts what a suite of tests has tried (faults, connections,
// bytes and the like) and leaves the counts where a report can collect them.
//
// With $FIGURES=DIRECTORY, each suite that ends writes DIRECTORY/SUITE.json. A suite
// is a test executable: conformance.test is the suite "conformance".
package figures

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Suite is what one run of a suite leaves.
type Suite struct {
	Name    string           `json:"name"`
	Kernel  string           `json:"kernel"`
	Seconds float64          `json:"seconds"`
	Passed  bool             `json:"passed"`
	Counts  map[string]int64 `json:"counts"` // by what was counted, such as "faults"
}

var (
	began  = time.Now()
	mu     sync.Mutex
	counts = make(map[string]int64)
)

// Count adds to the count of something, which is named in the plural. From any
// goroutine.
func Count(what string, n int64) {
	mu.Lock()
	defer mu.Unlock()
	counts[what] += n
}

// Write leaves the suite's figures, if $FIGURES asks for them.
func Write(passed bool) error {
	directory := os.Getenv("FIGURES")
	if directory == "" {
		return nil
	}
	mu.Lock()
	defer mu.Unlock()
	suite := Suite{
		Name:    strings.TrimSuffix(filepath.Base(os.Args[0]), ".test"),
		Kernel:  kernelRelease(),
		Seconds: time.Since(began).Seconds(),
		Passed:  passed,
		Counts:  counts,
	}
	text, err := json.MarshalIndent(suite, "", "\t")
	if err != nil {
		return fmt.Errorf("figures of %s: %w", suite.Name, err)
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, suite.Name+".json"), append(text, '\n'), 0o644)
}

func kernelRelease() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(release))
}
