package torture

import (
	"math/rand/v2"
	"time"
)

// dice are what a plan leaves to chance.
type dice struct{ *rand.Rand }

// in100 is true so many times of a hundred.
func (d dice) in100(times int) bool { return d.IntN(100) < times }

// upTo is a number from least to most, of any magnitude alike.
func (d dice) upTo(least, most int64) int64 {
	bits := 0
	for most>>bits > least {
		bits++
	}
	top := most
	if bits > 0 {
		top = most >> d.IntN(bits)
	}
	return least + d.Int64N(top-least+1)
}

func (d dice) time(least, most time.Duration) time.Duration {
	return time.Duration(d.upTo(int64(least), int64(most)))
}

// pick chooses by weight.
func (d dice) pick(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := d.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	panic("unreachable: n is less than the sum of the weights")
}
