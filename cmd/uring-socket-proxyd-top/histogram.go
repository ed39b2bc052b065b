package main

import (
	"cmp"
	"math"
	"slices"
)

// bucket counts durations up to a bound, including those of smaller buckets.
type bucket struct{ bound, count float64 }

// buckets are a histogram, in the order of their bounds.
type buckets []bucket

// histogram returns one of the proxy's histograms, nil if there is none.
func (f *figures) histogram(name string) (b buckets) {
	for _, one := range f.metric(prefix+name, "").GetHistogram().GetBucket() {
		b = append(b, bucket{one.GetUpperBound(), float64(one.GetCumulativeCount())})
	}
	slices.SortFunc(b, func(a, c bucket) int { return cmp.Compare(a.bound, c.bound) })
	return b
}

// since returns what was counted since an earlier reading of the same histogram.
func (b buckets) since(before buckets) buckets {
	if len(before) != len(b) {
		return b
	}
	diff := slices.Clone(b)
	for i := range diff {
		diff[i].count -= before[i].count
	}
	return diff
}

// quantile is the duration in seconds that a share q of all does not exceed. Like
// Prometheus' histogram_quantile() it interpolates within a bucket as if that were evenly
// filled. It is NaN if there are no durations, and infinite above the last bound.
func (b buckets) quantile(q float64) float64 {
	if len(b) == 0 || b[len(b)-1].count <= 0 {
		return math.NaN()
	}
	rank := q * b[len(b)-1].count
	lower := bucket{}
	for _, upper := range b {
		if upper.count >= rank && upper.count > lower.count {
			return lower.bound + (upper.bound-lower.bound)*(rank-lower.count)/(upper.count-lower.count)
		}
		lower = upper
	}
	return math.Inf(1)
}
