package connection

import "slices"

// How a worker ends, or stops accepting for a while: see internal/crew/retire.go.

// Stop implements crew.Member: it begins to end the worker.
func (k *Keeper) Stop() {
	k.Mode = Stopping
	k.stopAllAccepting()
	k.endAll()
}

// Retire implements crew.Member.
func (k *Keeper) Retire() {
	if k.Mode == Serving {
		k.Mode = Retiring
		k.stopAllAccepting()
	}
}

// Resume implements crew.Member.
func (k *Keeper) Resume() {
	if k.Mode == Quiet {
		k.Mode = Serving
		k.acceptAgain()
	}
}

// Over tells whether the event loop may end: no client can come of an accept that is under
// way, and no connection is left.
func (k *Keeper) Over() bool {
	if k.Mode == Serving || slices.ContainsFunc(k.listeners, func(l *Listener) bool { return l.Accepting }) {
		return false
	}
	if k.Mode == Retiring {
		k.Mode = Quiet
		k.Crew.Quiet()
	}
	return k.Mode == Stopping && k.InUse() == 0
}
