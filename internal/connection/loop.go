package connection

import "time"

// loop is how an engine waits for what happens, and handles it. These calls are made once
// in each round of the event loop.
type loop interface {
	// Sleep waits until something has happened, for at most limit; for ever if that is
	// negative.
	Sleep(limit time.Duration) error
	// Poll looks for something that has happened for as long as limit, without sleeping.
	Poll(limit time.Duration) (found bool, err error)
	// Handle handles what has happened. An error is a fault, after which the engine cannot
	// go on.
	Handle() error
	// Turn is the turn of a half that stood in line for it (Schedule).
	Turn(h *Half)
	// EndRound is called when all else of a round is done.
	EndRound()
}

// Serve is the event loop of a worker. It returns when that has been told to end and has
// no connection left, or with the fault that ended it.
func (k *Keeper) Serve() error {
	k.startHeart()
	if err := k.Listen(); err != nil {
		return err
	}
	for !k.Over() {
		if err := k.wait(); err != nil {
			return err
		}
		k.ReadClock()
		if err := k.mover.Handle(); err != nil {
			return err
		}
		k.GoOff()
		k.Advance()
		k.mover.EndRound()
		k.lookSoon()
		k.Pulse.Round(k.Index)
	}
	return nil
}

// wait returns when something has happened, as a rule, or there are streams to go on with.
func (k *Keeper) wait() error {
	if k.streams.Len() > 0 {
		return k.mover.Sleep(0)
	}
	if k.busyPoll.Pays() {
		found, err := k.mover.Poll(k.busyPoll.Limit())
		k.busyPoll.Polled(found)
		if found || err != nil {
			return err
		}
	}
	began := k.busyPoll.Began()
	err := k.mover.Sleep(k.UntilAlarm())
	k.busyPoll.Slept(began)
	return err
}

// Streaming tells whether halves stand in line for their turn.
func (k *Keeper) Streaming() bool { return k.streams.Len() > 0 }
