package stats

import (
	"math"
	"slices"
)

const (
	resamples  = 2000
	confidence = 0.95

	// MinRounds is how many rounds a verdict takes. The interval of a median
	// is at its widest the range of the values, which holds the true median
	// with probability 1 - 2^(1-n): 75 % for three rounds, 94 % for five.
	MinRounds = 5
)

// Ratio is how many times one row's figure is the other's.
type Ratio struct {
	Median    float64
	Low, High float64 // 95 % percentile bootstrap interval
	Rounds    int     // that it rests on
}

// Pairs returns a[i]/b[i] of each round that both sides have; what a side lacks
// is NaN in it. A zero to divide by gives no ratio.
func Pairs(a, b []float64) []float64 {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if ratio := a[i] / b[i]; b[i] != 0 && !math.IsNaN(ratio) {
			ratios = append(ratios, ratio)
		}
	}
	return ratios
}

// Paired is the median of the ratios round by round. It is for rows of one
// interleaved run, where round i of both saw the machine in the same minute, so
// that drift cancels out. The same seed gives the same interval.
func Paired(a, b []float64, seed uint64) Ratio {
	ratios := Pairs(a, b)
	drawn := newResampler(ratios, source(seed))
	return interval(Median(ratios), len(ratios), drawn.median)
}

// Unpaired is the ratio of the medians of a and b. It is for rows of different
// runs, whose rounds have nothing to do with each other; each side is resampled
// by itself. From zero to more is infinitely many times, from zero to zero once.
func Unpaired(a, b []float64, seed uint64) Ratio {
	a, b = present(a), present(b)
	random := source(seed)
	drawnA, drawnB := newResampler(a, random), newResampler(b, random)
	return interval(quotient(Median(a), Median(b)), min(len(a), len(b)), func() float64 {
		return quotient(drawnA.median(), drawnB.median())
	})
}

// quotient is a/b, where nothing has become of nothing the same.
func quotient(a, b float64) float64 {
	if a == 0 && b == 0 {
		return 1
	}
	return a / b
}

// interval draws the ratio again and again and takes the middle 95 %.
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

// present is values without those that a round lacks.
func present(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), math.IsNaN)
}
