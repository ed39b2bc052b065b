package guard

import (
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

// tries is how often the work is counted. What else runs on the machine makes a proxy
// wake up for less at a time, which adds calls, so the least counts.
const tries = 3

// calls is how many system calls a program makes for a unit of work, once it is
// under way: what it does at its start does not count.
func calls(t *testing.T, session int, work func() int) float64 {
	t.Helper()
	work()
	least := 0.0
	for i := range tries {
		if each := callsOnce(t, session, work); i == 0 || each < least {
			least = each
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
