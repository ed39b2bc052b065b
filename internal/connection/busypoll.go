package connection

import "time"

// BusyPoll decides for one worker whether to poll for a while before it sleeps. A sleep
// costs two thread switches and, if the core has gone to sleep too, the time to wake it: more
// than a short wait itself. A poll that finds nothing wastes time and keeps the core busy, so
// polling stops until a sleep turns out to have been short enough to be worth a poll.
//
// The idea is that of the kernel's own drivers/cpuidle/governors/haltpoll.c.
type BusyPoll struct {
	limit  time.Duration
	misses int // polls in a row that found nothing; as many as patience give up
}

// patience is after how many vain polls in a row a worker sleeps at once. More
// than one, as a message now and then may be late.
const patience = 3

// NewBusyPoll returns a decision for waits of at most limit; 0 never polls.
func NewBusyPoll(limit time.Duration) BusyPoll { return BusyPoll{limit: limit, misses: patience} }

// Limit is for how long to poll.
func (b *BusyPoll) Limit() time.Duration { return b.limit }

// Pays tells whether to poll before the next sleep.
func (b *BusyPoll) Pays() bool { return b.misses < patience && b.limit > 0 }

// Polled says whether a poll has found something.
func (b *BusyPoll) Polled(found bool) {
	if found {
		b.misses = 0
	} else {
		b.misses++
	}
}

// Began is when a sleep begins. The zero Time, at no cost, where polling is off.
func (b *BusyPoll) Began() time.Time {
	if b.limit == 0 {
		return time.Time{}
	}
	return time.Now()
}

// Slept says that a sleep has ended which began at that time.
func (b *BusyPoll) Slept(began time.Time) {
	if b.limit > 0 && time.Since(began) <= b.limit {
		b.misses = 0
	}
}
