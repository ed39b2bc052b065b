package stats

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// source is a random source of its own for each interval, so that an interval
// does not depend on which others were computed before it.
func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, resamples)) }

// resampler draws values with replacement, thousands of times. It sorts them once and
// then counts how often each is drawn, so that no resample has to be sorted.
type resampler struct {
	random *rand.Rand
	sorted []float64
	ranks  []int // where in sorted each value stands
	times  []int // that each of sorted was drawn
}

func newResampler(values []float64, random *rand.Rand) *resampler {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	r := &resampler{random, make([]float64, len(values)), make([]int, len(values)), make([]int, len(values))}
	for rank, i := range order {
		r.sorted[rank], r.ranks[i] = values[i], rank
	}
	return r
}

// median is that of one resample.
func (r *resampler) median() float64 {
	n := len(r.ranks)
	clear(r.times)
	for range n {
		r.times[r.ranks[r.random.IntN(n)]]++
	}
	lower, upper := (n-1)/2, n/2
	at, drawn := 0, r.times[0]
	for drawn <= lower {
		at++
		drawn += r.times[at]
	}
	below := r.sorted[at]
	if lower == upper {
		return below
	}
	for drawn <= upper {
		at++
		drawn += r.times[at]
	}
	return below*0.5 + r.sorted[at]*0.5
}
