package soak

import "math/rand/v2"

// kind is a way to use a connection. To add one, write its plan in a file of its own
// and list it here.
type kind struct {
	name   string
	weight int  // how often it is chosen among those of its list
	fault  bool // it puts the proxy through something that should not happen
	// plan decides what both ends of a call will do. Whatever it leaves to chance
	// it takes from the call, before the connection is made.
	plan func(*call) (client, target script)
}

// fastKinds are over as soon as their bytes have passed.
var fastKinds = []*kind{
	{"messages", 6, false, messages},
	{"exchange", 4, false, exchange},
	{"half-close", 4, false, halfClose},
	{"reset", 4, true, reset},
	{"leave", 3, true, leave},
}

// slowKinds take time on purpose, up to the rest of the round.
var slowKinds = []*kind{
	{"stuck reader", 3, true, stuckReader},
	{"both stuck", 2, true, bothStuck},
	{"trickle", 3, true, trickle},
	{"late announcement", 2, true, lateAnnouncement},
	{"never answered", 2, true, neverAnswered},
}

// choose picks a kind by weight.
func choose(kinds []*kind, random *rand.Rand) *kind {
	sum := 0
	for _, k := range kinds {
		sum += k.weight
	}
	n := random.IntN(sum)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	panic("unreachable: n is less than the sum of the weights")
}
