package stats

// Direction says in which direction a figure gets better.
type Direction int

const (
	Higher Direction = iota // is better: throughput
	Lower                   // is better: latency, CPU, memory
)

// Verdict is what can be concluded from an interval.
type Verdict string

const (
	Better Verdict = "better"
	Worse  Verdict = "worse"
	Same   Verdict = "same"           // no difference that the rounds could show
	TooFew Verdict = "too few rounds" // fewer than MinRounds
)

// Verdict says whether the ratio's interval excludes 1, and on which side.
func (r Ratio) Verdict(direction Direction) Verdict {
	switch {
	case r.Rounds < MinRounds:
		return TooFew
	case r.Low > 1:
		return side(direction == Higher)
	case r.High < 1:
		return side(direction == Lower)
	default:
		return Same
	}
}

func side(better bool) Verdict {
	if better {
		return Better
	}
	return Worse
}
