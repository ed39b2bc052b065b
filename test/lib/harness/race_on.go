//go:build race

package harness

import "os"

// RaceBuilt reports whether the tests, and so the program under test, were built
// with the race detector.
const RaceBuilt = true

// raceOptions are those of the race detector in a program under test: $GORACE, if it is
// set. Else no program sleeps for a whole second before it exits, in case that one of its
// goroutines still meets a race.
func raceOptions() []string {
	options, set := os.LookupEnv("GORACE")
	if !set {
		options = "atexit_sleep_ms=20"
	}
	return []string{"GORACE=" + options}
}
