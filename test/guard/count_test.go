package guard

import (
	"math"
	"testing"

	"uring-socket-proxyd/bench/measure"
)

// counter counts the system calls of a program from when it is made.
type counter interface {
	Count() (uint64, error)
	Stop()
}

// newCounter counts with the kernel's counters, else with strace, which slows the
// program but counts the same. It skips the test where neither may.
func newCounter(t *testing.T, session int) counter {
	t.Helper()
	counters, err := measure.CountSyscalls(session)
	if err == nil {
		return counters
	}
	strace, otherwise := measure.StartStrace(session)
	if otherwise == nil {
		return strace
	}
	t.Skipf("system calls cannot be counted here, neither by the kernel's counters (%v) nor by strace (%v)", err, otherwise)
	return nil
}

// tries is how often the work is counted at most. What else runs on the machine makes a
// proxy wake up for less at a time, which adds calls, so the least counts.
const tries = 3

// calls is how many system calls a program makes for a unit of work, once it is
// under way: what it does at its start does not count. It counts again as long as there
// are more than enough.
func calls(t *testing.T, session int, work func() int, enough float64) float64 {
	t.Helper()
	work()
	least := math.Inf(1)
	for range tries {
		if least = min(least, callsOnce(t, session, work)); least <= enough {
			break
		}
	}
	return least
}

func callsOnce(t *testing.T, session int, work func() int) float64 {
	t.Helper()
	counter := newCounter(t, session)
	defer counter.Stop()
	units := work()
	n, err := counter.Count()
	if err != nil {
		t.Fatal(err)
	}
	if t.Failed() {
		t.FailNow() // the work was not done
	}
	return float64(n) / float64(units)
}
