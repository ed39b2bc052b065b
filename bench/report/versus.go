package report

import (
	"fmt"
	"math"
	"strings"

	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/stats"
)

// ours reports whether a row is for this project's program, in any variant.
func ours(peer string) bool {
	return strings.HasPrefix(peer, "uring") || strings.HasPrefix(peer, "epoll")
}

// opponent is what rows are compared with.
type opponent struct {
	row       result.Row
	reference bool // it is the original, or its substitute
	best      bool // it is the best of the others
}

// heading returns the head of a column of ratios.
func (o opponent) heading() string {
	switch {
	case o.reference && o.best:
		return "against " + o.row.Peer + ", the best other"
	case o.best:
		return "against the best other, " + o.row.Peer
	default:
		return "against " + o.row.Peer
	}
}

// referenceName returns "original" or, in a run without it, such as one of the uring
// engine's features, the run's first peer.
func referenceName(run *result.Run) string {
	if !measured(run, "original") && len(run.Peers) > 0 {
		return run.Peers[0].Name
	}
	return "original"
}

// reference returns the row that all others are compared with.
func reference(run *result.Run, table result.Table) (opponent, bool) {
	name := referenceName(run)
	for _, row := range table.Rows {
		if row.Peer == name && fault(row) == "" {
			return opponent{row: row, reference: true}, true
		}
	}
	return opponent{}, false
}

// measured reports whether any scenario has a row of that peer.
func measured(run *result.Run, peer string) bool {
	for _, table := range run.Scenarios {
		for _, row := range table.Rows {
			if row.Peer == peer {
				return true
			}
		}
	}
	return false
}

// bestOther returns the row with the best median among valid ones of forwarders that are
// not ours.
func bestOther(table result.Table, f figure) (opponent, bool) {
	var best opponent
	median, found := math.NaN(), false
	for _, row := range table.Rows {
		if ours(row.Peer) || row.Peer == "direct" || fault(row) != "" {
			continue
		}
		m := f.summary(row).Median
		if math.IsNaN(m) {
			continue
		}
		if !found || f.better == stats.Higher && m > median || f.better == stats.Lower && m < median {
			best, median, found = opponent{row: row, best: true}, m, true
		}
	}
	return best, found
}

// versus is a ratio in the form in which it is shown.
type versus struct {
	Ratio   stats.Ratio
	Verdict stats.Verdict
}

// against compares two rows of one run, round by round.
func (f figure) against(row result.Row, other opponent, seed uint64) (versus, bool) {
	if row.Peer == other.row.Peer || fault(row) != "" {
		return versus{}, false
	}
	ratio := stats.Paired(f.values(row), f.values(other.row), seed)
	if ratio.Rounds == 0 {
		return versus{}, false
	}
	return versus{ratio, ratio.Verdict(f.better)}, true
}

// Text returns "3.52× (3.40 to 3.61)", or "from zero" if there is no such number.
func (v versus) Text() string {
	if math.IsInf(v.Ratio.Median, 0) {
		return "from zero"
	}
	return fmt.Sprintf("%s× (%s to %s)", digits(v.Ratio.Median), digits(v.Ratio.Low), digits(v.Ratio.High))
}

// clear reports whether there is a difference that the rounds could show.
func (v versus) clear() bool { return v.Verdict == stats.Better || v.Verdict == stats.Worse }

// Class returns the verdict as a CSS class.
func (v versus) Class() string {
	if v.clear() {
		return string(v.Verdict)
	}
	return "same"
}
