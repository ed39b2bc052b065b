package connection

// How a worker ends, or stops accepting for a while: see internal/forward/retire.go.

// Stop implements forward.Member: it begins to end the worker.
func (k *Keeper) Stop() {
	k.Mode = Stopping
	k.mover.StopAccepting()
	k.endAll()
}

// Retire implements forward.Member.
func (k *Keeper) Retire() {
	if k.Mode == Serving {
		k.Mode = Retiring
		k.mover.StopAccepting()
	}
}

// Resume implements forward.Member.
func (k *Keeper) Resume() {
	if k.Mode == Quiet {
		k.Mode = Serving
		k.mover.Accept()
	}
}

// Over tells whether the event loop may end. accepting is whether one more client may come
// of an accept that is under way.
func (k *Keeper) Over(accepting bool) bool {
	if k.Mode == Serving || accepting {
		return false
	}
	if k.Mode == Retiring {
		k.Mode = Quiet
		k.Crew.Quiet()
	}
	return k.Mode == Stopping && k.InUse() == 0
}
