package run

import (
	"fmt"
	"slices"

	"uring-socket-proxyd/bench/peer"
	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/stats"
)

// keptUp is the fraction of an open loop's rate below which a peer did not keep up.
const keptUp = 0.98

// flags returns what a reader of a table must know.
func flags(t *result.Table) []string {
	if t.Rate > 0 {
		return lateFlags(t)
	}
	return limitFlags(t)
}

// limitFlags reports cases in which the load generator may have been the bottleneck:
// traffic without a proxy was not faster than with one.
func limitFlags(t *result.Table) (found []string) {
	i := slices.IndexFunc(t.Rows, func(row result.Row) bool { return row.Peer == peer.Direct })
	if i < 0 {
		return nil
	}
	limit, ok := medianRate(&t.Rows[i])
	if !ok {
		return nil
	}
	for _, row := range t.Rows {
		if rate, ok := medianRate(&row); ok && row.Peer != peer.Direct && rate >= limit {
			found = append(found, fmt.Sprintf("%s is not slower than direct: the load generator may be the limit", row.Peer))
		}
	}
	return found
}

// lateFlags reports which peers were slower than the clock.
func lateFlags(t *result.Table) (found []string) {
	for _, row := range t.Rows {
		if rate, ok := medianRate(&row); ok && rate < keptUp*float64(t.Rate) {
			found = append(found, fmt.Sprintf("%s did not keep up: %.0f per second of %d", row.Peer, rate, t.Rate))
		}
	}
	return found
}

// medianRate returns false for a row without rates.
func medianRate(row *result.Row) (float64, bool) {
	var rates []float64
	for _, round := range row.Rounds {
		if round.Rate != nil {
			rates = append(rates, *round.Rate)
		}
	}
	if len(rates) == 0 {
		return 0, false
	}
	return stats.Median(rates), true
}
