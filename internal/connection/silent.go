package connection

import (
	"time"

	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/report"
)

// LongestSilent implements crew.Member.
func (k *Keeper) LongestSilent() (time.Duration, bool) {
	c, silent := k.longestSilent()
	return silent, c != nil
}

// GiveUpLongestSilent implements crew.Member.
func (k *Keeper) GiveUpLongestSilent() bool {
	c, silent := k.longestSilent()
	if c == nil || silent < crew.GiveUpAfter {
		return false
	}
	k.Counts.GivenUp.Add(1)
	k.Reports.GivenUp(c.Route)
	c.Outcome.Note(report.GivenUp)
	k.Abort(c)
	return true
}

// longestSilent is the half-open connection on which nothing has moved for longest, of
// those that have nothing left to deliver; nil if there is none.
func (k *Keeper) longestSilent() (longest *Connection, silence time.Duration) {
	now := k.Clock()
	for _, c := range k.slots.all {
		switch {
		case c.State != Forwarding, !c.halfOpen.Is(), c.Finished(), c.Holds():
			continue
		case c.Client.TCP && k.Sockets.Unsent(c.Client.FD) > 0, c.Target.TCP && k.Sockets.Unsent(c.Target.FD) > 0:
			continue
		}
		if silent := c.halfOpen.silent(now, c.Moved()); longest == nil || silent > silence {
			longest, silence = c, silent
		}
	}
	return longest, silence
}
