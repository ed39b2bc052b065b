//go:build !race

package harness

// RaceBuilt reports whether the tests, and so the program under test, were built
// with the race detector.
const RaceBuilt = false

func raceOptions() []string { return nil }
