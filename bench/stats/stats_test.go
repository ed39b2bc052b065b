package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-12 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// TestSummaryByHand: the values are worked out with pencil and paper, and agree
// with numpy.percentile([9, 1, 4, 7], [25, 50, 75]).
func TestSummaryByHand(t *testing.T) {
	s := Summarize([]float64{9, 1, 4, 7})
	near(t, "median", s.Median, 5.5)
	near(t, "minimum", s.Min, 1)
	near(t, "maximum", s.Max, 9)
	near(t, "lower quartile", s.LowerQuartile, 3.25)
	near(t, "upper quartile", s.UpperQuartile, 7.5)
	near(t, "interquartile range", s.InterquartileRange, 4.25)
	near(t, "median of an odd number", Median([]float64{3, 100, 2}), 3)
	near(t, "median of one", Median([]float64{42}), 42)
	if !math.IsNaN(Median(nil)) || !math.IsNaN(Summarize(nil).Max) {
		t.Error("without values there is a figure")
	}
}

func TestSummaryLeavesItsInputAlone(t *testing.T) {
	values := []float64{3, 1, 2}
	Summarize(values)
	Median(values)
	if !slices.Equal(values, []float64{3, 1, 2}) {
		t.Errorf("the values became %v", values)
	}
}

func TestPairsAreRoundByRound(t *testing.T) {
	nan := math.NaN()
	got := Pairs([]float64{10, 30, nan, 8, 5}, []float64{5, 10, 7, 0})
	if !slices.Equal(got, []float64{2, 3}) {
		t.Errorf("pairs are %v, want [2 3]", got)
	}
	// The median of the ratios, not the ratio of the medians (which is 1).
	r := Paired([]float64{1, 2, 9}, []float64{2, 9, 1}, 1)
	near(t, "median of 1/2, 2/9 and 9", r.Median, 0.5)
}

// TestIntervalByHand: of five ratios, a resample's median is the smallest with
// probability 5.8 %, the sum of C(5,k) 0.2^k 0.8^(5-k) for k from 3 to 5; that is
// more than 2.5 %, so the interval is the whole range.
func TestIntervalByHand(t *testing.T) {
	r := Paired([]float64{2, 4, 6, 8, 10}, []float64{1, 1, 1, 1, 1}, 7)
	if r.Median != 6 || r.Low != 2 || r.High != 10 || r.Rounds != 5 {
		t.Errorf("got %+v, want 6 in 2 to 10 from 5 rounds", r)
	}
	if again := Paired([]float64{2, 4, 6, 8, 10}, []float64{1, 1, 1, 1, 1}, 7); again != r {
		t.Errorf("the same seed gave %+v and %+v", r, again)
	}
}

func TestNothingToCompare(t *testing.T) {
	for name, r := range map[string]Ratio{
		"nothing":          Paired(nil, []float64{1}, 1),
		"zeros":            Paired([]float64{1, 1}, []float64{0, 0}, 1),
		"unpaired nothing": Unpaired(nil, nil, 1),
		"one side alone":   Unpaired([]float64{1}, []float64{math.NaN()}, 1),
	} {
		if !math.IsNaN(r.Median) || r.Rounds != 0 || r.Verdict(Higher) != TooFew {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

// TestFromZero: what was nothing has no finite ratio, and a verdict all the same.
func TestFromZero(t *testing.T) {
	zeros, many := []float64{0, 0, 0, 0, 0}, []float64{500, 501, 502, 503, 504}
	r := Unpaired(many, zeros, 1)
	if !math.IsInf(r.Median, 1) || !math.IsInf(r.Low, 1) || !math.IsInf(r.High, 1) || r.Verdict(Lower) != Worse || r.Verdict(Higher) != Better {
		t.Errorf("from zero to 500: %+v", r)
	}
	if r := Unpaired(zeros, many, 1); r.Median != 0 || r.Verdict(Lower) != Better {
		t.Errorf("from 500 to zero: %+v", r)
	}
	if r := Unpaired(zeros, zeros, 1); r.Median != 1 || r.Low != 1 || r.High != 1 || r.Verdict(Lower) != Same {
		t.Errorf("from zero to zero: %+v", r)
	}
	// A resample may be zero on both sides, or on the old one alone.
	if r := Unpaired([]float64{0, 0, 1, 1, 1}, []float64{0, 0, 1, 1, 1}, 1); r.Median != 1 || r.Verdict(Lower) != Same {
		t.Errorf("from a few to as many: %+v", r)
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		rounds    int
		direction Direction
		want      Verdict
	}{
		{1.1, 1.3, 5, Higher, Better},
		{1.1, 1.3, 5, Lower, Worse},
		{0.7, 0.9, 5, Higher, Worse},
		{0.7, 0.9, 5, Lower, Better},
		{0.9, 1.1, 5, Higher, Same},
		{1, 1.3, 5, Higher, Same},
		{1.1, 1.3, 4, Higher, TooFew},
	} {
		r := Ratio{Median: (c.low + c.high) / 2, Low: c.low, High: c.high, Rounds: c.rounds}
		if got := r.Verdict(c.direction); got != c.want {
			t.Errorf("%+v, direction %d: %s, want %s", r, c.direction, got, c.want)
		}
	}
}

// coverage is the share of experiments whose interval holds the true ratio.
func coverage(rounds int, truth float64, ratio func(a, b []float64, seed uint64) Ratio) float64 {
	const experiments = 500
	random := rand.New(rand.NewPCG(1, 2))
	held := 0
	for seed := range uint64(experiments) {
		a, b := make([]float64, rounds), make([]float64, rounds)
		for i := range rounds {
			a[i] = truth * math.Exp(0.1*random.NormFloat64())
			b[i] = math.Exp(0.1 * random.NormFloat64())
		}
		if r := ratio(a, b, seed); r.Low <= truth && truth <= r.High {
			held++
		}
	}
	return float64(held) / experiments
}

func TestIntervalsHoldTheTruth(t *testing.T) {
	for name, ratio := range map[string]func(a, b []float64, seed uint64) Ratio{"paired": Paired, "unpaired": Unpaired} {
		for _, rounds := range []int{5, 12} {
			share := coverage(rounds, 1.25, ratio)
			t.Logf("%s, %d rounds: the interval holds the truth in %.1f %%", name, rounds, 100*share)
			if share < 0.92 || share > 0.99 {
				t.Errorf("%s, %d rounds: the interval holds the truth in %.1f %%, want about 95 %%", name, rounds, 100*share)
			}
		}
	}
}

// TestNoFalseAlarms: without a difference, a verdict other than same is rare.
func TestNoFalseAlarms(t *testing.T) {
	if share := coverage(9, 1, Paired); share < 0.92 {
		t.Errorf("without a difference, one is claimed in %.1f %% of the experiments", 100*(1-share))
	}
}
