package statistics

import "time"

// Histogram counts durations in buckets with fixed bounds. Like a Counter it is written
// by one worker, without a lock, and can be read by any goroutine. Its zero value is empty.
type Histogram struct {
	buckets [histogramBounds + 1]Counter // not cumulated; the last one has no bound
	sum     Counter                      // nanoseconds
}

// histogramBounds is the number of bounds that each histogram has.
const histogramBounds = 16

// Bounds are the inclusive upper bounds of a histogram's buckets, in ascending order.
type Bounds [histogramBounds]time.Duration

// The bounds of the two histograms: about three per power of ten where most values are
// expected, fewer elsewhere.
var (
	// ConnectBounds range from a connect on the same machine to the kernel's own time
	// limit, and to that of a patient --connect-retry=.
	ConnectBounds = Bounds{
		50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
		time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
		25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
		time.Second, 5 * time.Second, 30 * time.Second, 120 * time.Second,
	}
	// LifeBounds range from a single request to a session that lasts a day.
	LifeBounds = Bounds{
		time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond,
		100 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
		10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
		15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour,
	}
)

// Observe counts a duration. It must only be called by the owner.
func (h *Histogram) Observe(bounds *Bounds, d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(uint64(max(d, 0)))
}

// Distribution is the sum of the Histograms of several workers.
type Distribution struct {
	Buckets [histogramBounds + 1]uint64 // not cumulated; the last one has no bound
	Sum     time.Duration
}

// Count returns the number of durations. It is computed from the buckets, so that they
// add up even while workers go on counting.
func (d *Distribution) Count() (n uint64) {
	for _, bucket := range d.Buckets {
		n += bucket
	}
	return n
}

func (d *Distribution) add(h *Histogram) {
	for i := range h.buckets {
		d.Buckets[i] += h.buckets[i].Load()
	}
	d.Sum += time.Duration(h.sum.Load())
}

// Stopwatch measures how long connections take, if that is wanted: one that does not run
// reads no clock. The zero value does not run.
type Stopwatch struct{ began time.Time }

// NewStopwatch returns one that runs, or not.
func NewStopwatch(runs bool) Stopwatch {
	if !runs {
		return Stopwatch{}
	}
	return Stopwatch{time.Now()}
}

// Runs reports whether the stopwatch runs.
func (s *Stopwatch) Runs() bool { return !s.began.IsZero() }

// Now returns the current time of the stopwatch, 0 if it does not run.
func (s *Stopwatch) Now() time.Duration {
	if !s.Runs() {
		return 0
	}
	return time.Since(s.began)
}

// Connected counts how long a connection took from accept until it reached its target.
// began is Now at accept.
func (s *Stopwatch) Connected(c *Counters, began time.Duration) {
	if s.Runs() {
		c.Connects.Observe(&ConnectBounds, s.Now()-began)
	}
}

// Ended counts how long a connection lasted, from accept to close.
func (s *Stopwatch) Ended(c *Counters, began time.Duration) {
	if s.Runs() {
		c.Lives.Observe(&LifeBounds, s.Now()-began)
	}
}
