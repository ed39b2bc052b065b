package forward

import (
	"math/rand/v2"
	"time"
)

// Timeouts bound how long connections wait. 0 means no bound.
type Timeouts struct {
	Connect time.Duration // for the lookup of a target, and for each of its addresses
	Idle    time.Duration // while no byte moves, either way
	Retry   time.Duration // how long after accept a target that cannot be reached is still tried again
}

// Any tells whether there is a bound at all.
func (t Timeouts) Any() bool { return t != Timeouts{} }

// Between two tries to reach a target that is not up yet, a connection waits twice as
// long as before, from firstBackoff to lastBackoff, and a quarter more or less, so
// that those which began together do not come back together.
const (
	firstBackoff = 10 * time.Millisecond
	lastBackoff  = time.Second
)

// Backoff tells how long to wait before a target is tried once more, after so many
// tries and a waited time since accept; false when it is time to give up.
func (t Timeouts) Backoff(tries int, waited time.Duration) (time.Duration, bool) {
	left := t.Retry - waited
	if left <= 0 {
		return 0, false
	}
	wait := lastBackoff
	if tries < 7 { // 10 ms << 7 is more than a second
		wait = firstBackoff << tries
	}
	wait += time.Duration((rand.Float64() - 0.5) / 2 * float64(wait))
	return min(wait, left), true // the last try is at the end of the time
}
