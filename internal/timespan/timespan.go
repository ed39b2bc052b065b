// Package timespan reads and prints the time spans of systemd.time(7), such
// as "5min 20s", "1.5h" and "infinity".
//
// It accepts what systemd-analyze timespan of systemd 252 accepts, odd corners
// included, because options such as --exit-idle-time= are copied from unit
// files that were written for that parser.
package timespan

import (
	"math"
	"time"
)

// Span is a length of time in microseconds: systemd's usec_t.
type Span uint64

// Infinity is the span that never ends. It is the largest Span, and no finite
// text parses to it.
const Infinity Span = math.MaxUint64

// The units of systemd.time(7). A month and a year are averages: 30.4375 and
// 365.25 days.
const (
	microsecond Span = 1
	millisecond      = 1000 * microsecond
	second           = 1000 * millisecond
	minute           = 60 * second
	hour             = 60 * minute
	day              = 24 * hour
	week             = 7 * day
	month            = year / 12
	year             = 365*day + 6*hour
)

// Duration returns the span for use with package time. Spans of more than
// about 292 years do not fit in nanoseconds and give the longest Duration;
// Infinity is among them, so a caller to whom "never" is special compares
// with Infinity first.
func (s Span) Duration() time.Duration {
	if s > math.MaxInt64/Span(time.Microsecond) {
		return math.MaxInt64
	}
	return time.Duration(s) * time.Microsecond
}
