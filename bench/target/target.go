// Package target is what this project has set itself: how much better than the
// original, and than the best of the others, each figure of the benchmark is to be.
// It says nothing about what was measured; bench/report compares.
package target

// Against is whom a figure is compared with.
type Against string

// Whom there is.
const (
	Original Against = "original"
	Best     Against = "best"     // of the others, in that figure and scenario
	Nobody   Against = "absolute" // the figure itself counts
)

// Relation is how a figure is to stand to a value.
type Relation string

// The relations, as they are shown.
const (
	AtLeast Relation = "≥"
	AtMost  Relation = "≤"
	Below   Relation = "<"
)

// Bound is what a figure, or its ratio to somebody else's, is to keep. The zero
// Bound is none.
type Bound struct {
	Relation Relation
	Value    float64
}

// Met tells whether a figure keeps the bound. NaN keeps none.
func (b Bound) Met(value float64) bool {
	switch b.Relation {
	case AtLeast:
		return value >= b.Value
	case AtMost:
		return value <= b.Value
	case Below:
		return value < b.Value
	}
	return false
}

// Target is one figure of one peer in one scenario, to be seen against one other.
type Target struct {
	Scenario, Peer string
	Figure         string // as package report names it
	Against        Against
	Bound
}

// All lists the targets in the order of the table.
func All() (all []Target) {
	for _, line := range table {
		for _, scenario := range line.scenarios {
			for _, column := range []struct {
				against Against
				bound   Bound
			}{{Original, line.original}, {Best, line.best}, {Nobody, line.absolute}} {
				if column.bound != (Bound{}) {
					all = append(all, Target{scenario, line.peer, line.figure, column.against, column.bound})
				}
			}
		}
	}
	return all
}
