package target

import (
	"math"
	"slices"
	"testing"

	"uring-socket-proxyd/bench/peer"
	"uring-socket-proxyd/bench/scenario"
)

func TestBounds(t *testing.T) {
	for _, test := range []struct {
		bound              Bound
		less, same, more   float64
		wantLess, at, over bool
	}{
		{atLeast(2), 1.999, 2, 2.001, false, true, true},
		{atMost(0.7), 0.699, 0.7, 0.701, true, true, false},
		{below(1), 0.999, 1, 1.001, true, false, false},
		{atMost(0), -1, 0, 0.001, true, true, false},
		{Bound{}, -1, 0, 1, false, false, false},
	} {
		got := []bool{test.bound.Met(test.less), test.bound.Met(test.same), test.bound.Met(test.more)}
		if want := []bool{test.wantLess, test.at, test.over}; !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", test.bound, got, want)
		}
		if test.bound.Met(math.NaN()) {
			t.Errorf("%+v: met by what is no number", test.bound)
		}
	}
}

// A target that names what is nowhere measured could never be met.
func TestTargetsNameWhatThereIs(t *testing.T) {
	seen := make(map[Target]bool)
	for _, target := range All() {
		if !slices.Contains(scenario.Names(), target.Scenario) || !slices.Contains(peer.Names(), target.Peer) {
			t.Errorf("there is no such scenario or peer: %+v", target)
		}
		if target.Value < 0 || target.Against != Nobody && target.Value == 0 {
			t.Errorf("nothing can keep to %+v", target)
		}
		target.Bound = Bound{}
		if seen[target] {
			t.Errorf("there are two targets for %+v", target)
		}
		seen[target] = true
	}
}

// Throughput is a target of the epoll engine wherever there is throughput.
func TestEpollMissesNoScenario(t *testing.T) {
	for _, s := range scenario.All {
		found := slices.ContainsFunc(All(), func(target Target) bool { return target.Peer == epoll && target.Scenario == s.Name })
		if found != (s.Unit() != "") {
			t.Errorf("%s has a target for epoll: %v", s.Name, found)
		}
	}
}
