// Package torture holds a proxy to its first promise under a random mix of whatever
// peers may do: nothing lost, nothing cut short, nobody held up.
//
// A connection has two ends, client and target, each of which follows its part of a
// plan (plan_test.go): steps that send, receive, pause, end, leave or reset
// (step_test.go). Each byte is checked against its offset. How each end saw the other
// one go is judged by what the other one did (judge_test.go). Nothing may stall
// (still_test.go), and when all have gone nothing may be left (rest_test.go). Meanwhile
// the proxy's process is stopped now and then, and resumed (stop_test.go).
//
// One thread serves all ends of a run (loop_test.go): so when an end is judged, it is
// known what the other one has done.
//
// Plain `go test` plays each setting for a few seconds, `make torture` for DURATION. A
// violation names its seed and its connection:
//
//	TEST_SEED=SEED                plays the same plans again, in the same order
//	TORTURE_CONNECTION=NUMBER     plays that one plan of them, over and over
//	TORTURE_WITHOUT=urgent,hold   leaves out what is named there, to narrow down the
//	                              cause; see ingredients
//	PROXY_EXECUTABLE=PATH         tortures another build of the program
package torture

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// briefly is how long a setting is played if nobody asks for a duration.
const briefly = 3 * time.Second

// whole is how long each setting is played, without the time that the last connections
// take: $SOAK_DURATION.
var whole = briefly

func TestMain(m *testing.M) {
	flag.Parse()
	parallel := "3" // short runs are for what is common, long ones for what is rare
	if text := os.Getenv("SOAK_DURATION"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < time.Second {
			fmt.Fprintf(os.Stderr, "SOAK_DURATION=%s: want a duration of a second or more, such as 10m\n", text)
			os.Exit(2)
		}
		whole, parallel = d, "1"
	}
	for _, name := range left {
		if !slices.Contains(ingredients, name) {
			fmt.Fprintf(os.Stderr, "TORTURE_WITHOUT: there is no %q among %s\n", name, strings.Join(ingredients, ", "))
			os.Exit(2)
		}
	}
	flag.Set("test.parallel", parallel)
	os.Exit(harness.Main(m))
}

func TestTorture(t *testing.T) {
	seed := harness.Seed(t)
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			play(t, s, seed)
		})
	}
}
