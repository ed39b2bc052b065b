package torture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// account is what was tried, and what was wrong.
type account struct {
	played     int // connections
	bytes      int64
	passed     int // descriptors
	stops      int
	untold     int            // connections of whose end their kernel was never told: see untold_test.go
	took       time.Duration  // until no more connections were made
	atEnd      int            // connections by then
	violations map[string]int // by kind
}

func newAccount() account { return account{violations: make(map[string]int)} }

// tooMany violations end a run: what comes after tells no more.
const tooMany = 3000

// toldOf violations of a kind tell their story.
const toldOf = 3

func (a *account) soFar() (n int) {
	for _, times := range a.violations {
		n += times
	}
	return n
}

func (a *account) String() string {
	text := fmt.Sprintf("%d connections, %d a second, %.1f MiB, %d stops", a.played, int(float64(a.atEnd)/a.took.Seconds()), float64(a.bytes)/(1<<20), a.stops)
	if a.passed > 0 {
		text += fmt.Sprintf(", %d descriptors passed", a.passed)
	}
	if a.untold > 0 {
		text += fmt.Sprintf(", %d resets that the kernel was never told of", a.untold)
	}
	if a.soFar() == 0 {
		return text + ": no violation"
	}
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(a.violations)) {
		kinds = append(kinds, fmt.Sprintf("%d of %s", a.violations[kind], kind))
	}
	return fmt.Sprintf("%s: %d violations: %s", text, a.soFar(), strings.Join(kinds, "; "))
}

// violated notes what must not be.
func (s *stage) violated(kind string, c *connection, format string, args ...any) {
	s.t.Helper()
	if s.account.violations[kind]++; s.account.violations[kind] > toldOf {
		return
	}
	what, story := fmt.Sprintf(format, args...), ""
	if c != nil {
		what = fmt.Sprintf("connection %d (%v): %s", c.number, routes[c.plan.route], what)
		story = "\n" + c.story()
	}
	s.t.Errorf("VIOLATION: %s: %s\n  TEST_SEED=%d, after %v%s", kind, what, s.seed, s.clock.now.Round(time.Millisecond), story)
}
