// Package soak runs a random mix of everything that clients and targets do, well
// or badly, with one long-running proxy for each engine, and looks for what only
// time shows: a byte lost in a thousand million, a descriptor that stays open, memory
// that grows.
//
// A kind (kind_test.go) is a way to use a connection; each has a file of its own, and
// a place in the list of kinds. A trouble (trouble_test.go) is something that happens to
// the proxy or the target as a whole. The mix runs in rounds. After each there is a calm,
// in which everything that was used must be given back.
//
// `make soak` runs it for DURATION; plain `go test` for a few seconds.
package soak

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", strconv.Itoa(len(harness.Ours))) // all engines at the same time
	os.Exit(harness.Main(m))
}

// briefly is how long a run takes that was asked for no duration.
const briefly = 4 * time.Second

// duration is how long to play, calms not counted: $SOAK_DURATION.
func duration(t *testing.T) time.Duration {
	text := os.Getenv("SOAK_DURATION")
	if text == "" {
		return briefly
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second {
		t.Fatalf("SOAK_DURATION=%s: want a duration of a second or more, such as 10m", text)
	}
	return d
}

func TestSoak(t *testing.T) {
	seed, whole := harness.Seed(t), duration(t)
	total, began := newAccount(), time.Now()
	t.Run("all", func(t *testing.T) { // returns when all have ended
		for i, program := range harness.Ours {
			t.Run(program.Name, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, program, seed, rand.New(rand.NewPCG(seed, uint64(i))))
				defer func() { total.add(s.account) }()
				s.play(whole)
			})
		}
	})
	say("%s", total.summary(time.Since(began)))
	if t.Failed() {
		say("FAILED; the same mix again: TEST_SEED=%d", seed)
	}
}
