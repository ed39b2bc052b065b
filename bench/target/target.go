// Package target lists the goals of this project: how much better than the original, and
// than the best of the others, each figure of the benchmark should be. It knows nothing
// about what was measured; bench/report compares.
package target

// Against is what a figure is compared with.
type Against string

// The possible opponents.
const (
	Original Against = "original"
	Best     Against = "best"     // the best of the others, for that figure and scenario
	Nobody   Against = "absolute" // the figure itself counts
)

// Relation is how a figure should relate to a value.
type Relation string

// The relations, in the form in which they are shown.
const (
	AtLeast Relation = "≥"
	AtMost  Relation = "≤"
	Below   Relation = "<"
)

// Bound is a bound for a figure, or for its ratio to another one. The zero Bound means
// none.
type Bound struct {
	Relation Relation
	Value    float64
}

// Met reports whether a figure is within the bound. NaN is within none.
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

// Target is a goal for one figure of one peer in one scenario, against one opponent.
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
