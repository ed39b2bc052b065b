package stats

import (
	"math"
	"math/rand/v2"
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
	random := source(seed)
	drawn := make([]float64, len(ratios))
	return interval(Median(ratios), len(ratios), func() float64 {
		resample(random, drawn, ratios)
		return median(drawn)
	})
}

// Unpaired returns the ratio of the medians of a and b. It is for rows of different
// runs, whose rounds are unrelated; each side is resampled separately. The ratio of
// something to zero is infinite, that of zero to zero is 1.
func Unpaired(a, b []float64, seed uint64) Ratio {
	a, b = present(a), present(b)
	random := source(seed)
	drawnA, drawnB := make([]float64, len(a)), make([]float64, len(b))
	return interval(quotient(Median(a), Median(b)), min(len(a), len(b)), func() float64 {
		resample(random, drawnA, a)
		resample(random, drawnB, b)
		return quotient(median(drawnA), median(drawnB))
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

// source returns a separate random source for each interval, so that an interval does not
// depend on which others were computed before it.
func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, resamples)) }

// resample fills drawn with values drawn from values, with replacement.
func resample(random *rand.Rand, drawn, values []float64) {
	for i := range drawn {
		drawn[i] = values[random.IntN(len(values))]
	}
}

// median sorts values in place.
func median(values []float64) float64 {
	slices.Sort(values)
	return Quantile(values, 0.5)
}

// present returns values without those that a round lacks.
func present(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), math.IsNaN)
}
