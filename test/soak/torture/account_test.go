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
	took       time.Duration  // until no more connections were made
	inTime     int            // connections by then
	untold     int            // connections whose reset the kernel has not believed: see end.untold, end.missedReset
	forsaken   int            // sockets kept for a peer that has gone, and the kernel does not know
	violations map[string]int // by kind
}

func newAccount() account { return account{violations: make(map[string]int)} }

// tooMany violations end a run: what comes after tells no more.
const tooMany = 500

// toldOf violations of a kind tell their story.
const toldOf = 3

func (a *account) soFar() (n int) {
	for _, times := range a.violations {
		n += times
	}
	return n
}

func (a *account) String() string {
	rate := float64(a.inTime) / max(a.took, time.Second).Seconds()
	text := fmt.Sprintf("%d connections, %.0f a second, %.1f MiB, %d stops", a.played, rate, float64(a.bytes)/(1<<20), a.stops)
	if a.passed > 0 {
		text += fmt.Sprintf(", %d descriptors passed", a.passed)
	}
	if a.untold > 0 {
		text += fmt.Sprintf(", %d resets that the kernel did not believe", a.untold)
	}
	if a.forsaken > 0 {
		text += fmt.Sprintf(", %d sockets kept for want of one", a.forsaken)
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

// reportEvery is how often a long run says how it gets on.
const reportEvery = time.Minute

// say prints a line. It does not wait for the end of the test, as its log would.
func (s *stage) say(format string, args ...any) {
	fmt.Printf("%-20s %s\n", s.setting.name, fmt.Sprintf(format, args...))
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
