package stats

import (
	"math"
	"slices"
)

const (
	resamples  = 2000
	confidence = 0.95

	// MinRounds is how many rounds a verdict needs. At its widest, the interval of
	// a median is the range of the values, which contains the true median with
	// probability 1 - 2^(1-n): 75 % for three rounds, 94 % for five.
	MinRounds = 5
)

// Ratio is the ratio of one row's figure to another's.
type Ratio struct {
	Median    float64
	Low, High float64 // 95 % percentile bootstrap interval
	Rounds    int     // how many it is based on
}

// Pairs returns a[i]/b[i] for each round that both sides have; rounds that a side lacks are
// NaN. Division by zero gives no ratio.
func Pairs(a, b []float64) []float64 {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if ratio := a[i] / b[i]; b[i] != 0 && !math.IsNaN(ratio) {
			ratios = append(ratios, ratio)
		}
	}
	return ratios
}

// Paired returns the median of the ratios round by round. It is for rows of one
// interleaved run, where round i of both was measured in the same minute, so that
// drift cancels out. The same seed gives the same interval.
func Paired(a, b []float64, seed uint64) Ratio {
	ratios := Pairs(a, b)
	drawn := newResampler(ratios, source(seed))
	return interval(Median(ratios), len(ratios), drawn.median)
}

// Unpaired returns the ratio of the medians of a and b. It is for rows of different
// runs, whose rounds are unrelated; each side is resampled separately. The ratio of
// something to zero is infinite, that of zero to zero is 1.
func Unpaired(a, b []float64, seed uint64) Ratio {
	a, b = present(a), present(b)
	random := source(seed)
	drawnA, drawnB := newResampler(a, random), newResampler(b, random)
	return interval(quotient(Median(a), Median(b)), min(len(a), len(b)), func() float64 {
		return quotient(drawnA.median(), drawnB.median())
	})
}

// quotient returns a/b, and 1 for 0/0.
func quotient(a, b float64) float64 {
	if a == 0 && b == 0 {
		return 1
	}
	return a / b
}

// interval resamples the ratio many times and returns the middle 95 %.
func interval(ratio float64, rounds int, draw func() float64) Ratio {
	if rounds == 0 || math.IsNaN(ratio) {
		return Ratio{Median: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	drawn := make([]float64, resamples)
	for i := range drawn {
		drawn[i] = draw()
	}
	slices.Sort(drawn)
	const tail = (1 - confidence) / 2
	return Ratio{
		Median: ratio,
		Low:    Quantile(drawn, tail),
		High:   Quantile(drawn, 1-tail),
		Rounds: rounds,
	}
}

// present returns values without those that a round lacks.
func present(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), math.IsNaN)
}
