package harness

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// Patience is how long anything that must happen may take. It is generous: it
// only decides how soon a failure is noticed, on the slowest machine.
// $TEST_PATIENCE sets it, for one that is slower yet, as an emulated one is.
var Patience = patience(20 * time.Second)

func patience(usual time.Duration) time.Duration {
	text := os.Getenv("TEST_PATIENCE")
	if text == "" {
		return usual
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		fmt.Fprintf(os.Stderr, "TEST_PATIENCE=%s: want a duration, such as 90s\n", text)
		os.Exit(2)
	}
	return d
}

// pollEvery is the pause between two looks at something that has no event.
const pollEvery = 5 * time.Millisecond

// Until waits until reached returns true, and fails the test if it never does. It
// is for what the kernel shows in /proc, which has no event to wait for.
func Until(t testing.TB, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !reached(); time.Sleep(pollEvery) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain: %s", Patience, what)
		}
	}
}

// Settled waits until value has stayed the same for a while, and returns it.
func Settled(t testing.TB, what string, value func() int64, still time.Duration) int64 {
	t.Helper()
	last, since := value(), time.Now()
	Until(t, what+" to settle", func() bool {
		if now := value(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) >= still
	})
	return last
}

// Stays fails the test if ok turns false within d. It is for what must not
// happen, for which only the passing of time is evidence.
func Stays(t testing.TB, what string, d time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(pollEvery) {
		if !ok() {
			t.Fatalf("no longer true: %s", what)
		}
	}
}
