// Package stats turns the rounds of a benchmark into what can be concluded from
// them: medians with their spread, and ratios with a bootstrap interval.
//
// Nothing here assumes a distribution. Rounds are few (five to a dozen), skewed
// and sometimes disturbed by other activity of the machine, so everything is based on
// medians and resampling.
package stats

import (
	"math"
	"slices"
)

// Summary is the middle and the spread of a few values.
type Summary struct {
	Count              int
	Median             float64
	Min, Max           float64
	LowerQuartile      float64
	UpperQuartile      float64
	InterquartileRange float64
}

// Summarize describes values, which may be in any order. Without values all
// figures are NaN.
func Summarize(values []float64) Summary {
	sorted := slices.Sorted(slices.Values(values))
	lower, upper := Quantile(sorted, 0.25), Quantile(sorted, 0.75)
	return Summary{
		Count:              len(sorted),
		Median:             Quantile(sorted, 0.5),
		Min:                Quantile(sorted, 0),
		Max:                Quantile(sorted, 1),
		LowerQuartile:      lower,
		UpperQuartile:      upper,
		InterquartileRange: upper - lower,
	}
}

// Median returns the middle value, or the mean of the two middle ones; NaN without
// values. They may be in any order.
func Median(values []float64) float64 {
	return Quantile(slices.Sorted(slices.Values(values)), 0.5)
}

// Quantile returns the value below which a share q of the sorted values lies, linearly
// interpolated between neighbours (type 7 of Hyndman and Fan, the default of R
// and NumPy); NaN without values.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below == len(sorted)-1 {
		return sorted[below]
	}
	share := at - float64(below)
	return sorted[below]*(1-share) + sorted[below+1]*share
}
