package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"uring-socket-proxyd/test/lib/figures"
)

// account is what was tried.
type account struct {
	mu         sync.Mutex
	kinds      map[string]int64 // connections by kind
	faults     map[string]int64 // by kind or trouble
	turnedAway int64
	wrong      []string // what must not have been
	bytes      atomic.Int64
}

func newAccount() *account {
	return &account{kinds: make(map[string]int64), faults: make(map[string]int64)}
}

// played notes a call that went as it should.
func (a *account) played(k *kind) {
	a.mu.Lock()
	a.kinds[k.name]++
	a.mu.Unlock()
	if k.fault {
		a.suffered(k.name, 1)
	}
}

func (a *account) suffered(name string, faults int) {
	figures.Count("faults", int64(faults))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults[name] += int64(faults)
}

// turnAway notes a call that a trouble did not let in.
func (a *account) turnAway() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turnedAway++
}

// failed notes what was wrong.
func (a *account) failed(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrong = append(a.wrong, what)
}

func (a *account) add(other *account) {
	other.mu.Lock()
	defer other.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, n := range other.kinds {
		a.kinds[name] += n
	}
	for name, n := range other.faults {
		a.faults[name] += n
	}
	a.turnedAway += other.turnedAway
	a.wrong = append(a.wrong, other.wrong...)
	a.bytes.Add(other.bytes.Load())
}

// line is the account in one line.
func (a *account) line() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(a.faults)) {
		faults = append(faults, fmt.Sprintf("%s %d", name, a.faults[name]))
	}
	return fmt.Sprintf("%d connections, %d turned away, %s; faults: %s", sum(a.kinds), a.turnedAway, size(a.bytes.Load()), strings.Join(faults, ", "))
}

// summary is the account as a table.
func (a *account) summary(took time.Duration) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "\nIn %v, all engines together: %d connections that went as they should, %d turned away in trouble, %s sent, %d faults\n",
		took.Round(time.Second), sum(a.kinds), a.turnedAway, size(a.bytes.Load()), sum(a.faults))
	for _, table := range []struct {
		title  string
		counts map[string]int64
	}{{"connections", a.kinds}, {"faults", a.faults}} {
		for _, name := range slices.Sorted(maps.Keys(table.counts)) {
			fmt.Fprintf(&b, "  %-12s %-24s %9d\n", table.title, name, table.counts[name])
		}
	}
	for _, what := range a.wrong {
		fmt.Fprintf(&b, "  WRONG: %s\n", what)
	}
	return b.String()
}

func sum(counts map[string]int64) (n int64) {
	for _, m := range counts {
		n += m
	}
	return n
}
