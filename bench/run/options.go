// Package run carries out the benchmark: which peer runs which scenario when, one
// measurement after the other, with the result of each.
package run

import (
	"fmt"
	"time"

	"uring-socket-proxyd/bench/peer"
	"uring-socket-proxyd/bench/scenario"
)

// Options are the settings of a run.
type Options struct {
	Scenarios []scenario.Scenario
	Peers     []peer.Peer
	Rounds    int
	Seconds   float64 // how long each measurement takes
	Rate      int     // messages per second in an open loop, for scenarios that can; 0 is closed
	Seed      uint64
	Command   []string   // the command that started the run
	Progress  func(Step) // called before each measurement, and once when all is done
}

// Step is how far a run has got.
type Step struct {
	Scenario, Peer string // what comes now; "" at the end
	Round, Rounds  int    // counted from 1
	Done           float64
	Elapsed, Left  time.Duration
}

func (o *Options) check() error {
	switch {
	case o.Rounds < 1:
		return fmt.Errorf("rounds: %d is too few; need at least 1", o.Rounds)
	case !(o.Seconds >= 0.01 && o.Seconds <= 3600):
		return fmt.Errorf("seconds: %v is not between 0.01 and 3600", o.Seconds)
	case o.Rate < 0:
		return fmt.Errorf("rate: %d is negative; 0 is a closed loop", o.Rate)
	case len(o.Peers) == 0 || len(o.Scenarios) == 0:
		return fmt.Errorf("nothing to do: %d peers, %d scenarios", len(o.Peers), len(o.Scenarios))
	}
	for _, s := range o.Scenarios {
		if len(o.taking(&s)) == 0 {
			return fmt.Errorf("nothing to do: none of the peers takes part in %s", s.Name)
		}
	}
	return nil
}

// taking lists the peers that take part in s.
func (o *Options) taking(s *scenario.Scenario) (part []*peer.Peer) {
	for i := range o.Peers {
		if p := &o.Peers[i]; p.TakesPart(s) {
			part = append(part, p)
		}
	}
	return part
}

// warmUp is how long connections work before the clock runs.
func (o *Options) warmUp() time.Duration {
	return time.Duration(min(max(o.Seconds/5, 0.1), 1) * float64(time.Second))
}

// window returns how long the clock runs.
func (o *Options) window() time.Duration { return time.Duration(o.Seconds * float64(time.Second)) }

// rate returns the rate of the open loop, or 0 if s can only be closed.
func (o *Options) rate(s *scenario.Scenario) int {
	if s.CanBeOpen() {
		return o.Rate
	}
	return 0
}
