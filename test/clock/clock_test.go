// Package clock sets the machine's clock years ahead and back while real proxies
// serve. Nothing may end early, hang or get lost because of that: a proxy measures its
// waits by a clock that nobody sets.
//
// It runs only if $TEST_CLOCK says that the clock may be set: in a guest of its own.
package clock

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// cases are run by name for each engine.
var cases = []struct {
	name string
	run  func(t *testing.T, p *harness.Program)
}{
	{"traffic", traffic},
	{"silent-connection", silentConnection},
	{"idle-exit-ahead", func(t *testing.T, p *harness.Program) { idleExit(t, p, ahead) }},
	{"idle-exit-back", func(t *testing.T, p *harness.Program) { idleExit(t, p, back) }},
	{"drain", drain},
	{"watchdog", watchdog},
}

func TestClock(t *testing.T) {
	if os.Getenv("TEST_CLOCK") == "" {
		t.Skip("TEST_CLOCK is not set: this sets the machine's clock")
	}
	for _, p := range []*harness.Program{harness.Uring, harness.Epoll} {
		t.Run(p.Name, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					keepTime(t)
					c.run(t, p)
				})
			}
		})
	}
}

// Years to set the clock to.
var (
	ahead = time.Date(2107, 2, 3, 4, 5, 6, 0, time.UTC)
	back  = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
)

// jumps are a way there and back that crosses the years in which 32 bits of seconds
// end, signed and unsigned.
var jumps = []time.Time{ahead, back, time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC), back, ahead}

// set sets the machine's clock.
func set(t *testing.T, to time.Time) {
	t.Helper()
	value := unix.NsecToTimeval(to.UnixNano())
	if err := unix.Settimeofday(&value); err != nil {
		t.Fatalf("setting the clock to %v: %v", to, err)
	}
	if now := time.Now(); now.Year() != to.Year() {
		t.Fatalf("the clock was set to %v and shows %v", to, now)
	}
	figures.Count("faults", 1)
}

// keepTime sets the clock right after a test.
func keepTime(t *testing.T) {
	began := time.Now() // holds a reading of the clock that nobody sets, too
	t.Cleanup(func() { set(t, began.Round(0).Add(time.Since(began))) })
}
