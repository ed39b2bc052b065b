package connection

import (
	"container/list"
	"errors"
	"time"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
)

// backlogLines are the connections that wait for a place in the backlog of a target on a UNIX
// socket, in a line for each address: the kernel does not tell when there is one, so the
// first in line tries again after a while, and the others after it.
type backlogLines[C any] struct {
	Time  time.Duration // that each waits at most; 0 for as long as it takes
	lines map[target.Address]*list.List
}

// backlogPlace is where a connection stands in line, embedded in it. Its zero value is
// nowhere.
type backlogPlace struct {
	element *list.Element
	line    *list.List
}

const (
	// backlogPause is how long those in line wait for the next try.
	backlogPause = 10 * time.Millisecond
	// BacklogTime is how long each waits unless --connect-timeout= says otherwise. The
	// original does not wait at all.
	BacklogTime = 15 * time.Second
)

// errBacklogFull is why a connection was given up.
var errBacklogFull = errors.New("its backlog has been full for 15 s")

type waitsForBacklog[C any] struct {
	connection C
	deadline   time.Time
}

// newBacklogLines returns empty lines, in which connections wait as long as t allows.
func newBacklogLines[C any](t forward.Timeouts) backlogLines[C] {
	b := backlogLines[C]{lines: make(map[target.Address]*list.List)}
	if t.Connect == 0 {
		b.Time = BacklogTime
	}
	return b
}

// Waited tells whether anybody waits for an address: whoever comes later stands behind.
func (b *backlogLines[C]) Waited(address *target.Address) bool { return b.lines[*address] != nil }

// Empty tells that nobody waits for anything.
func (b *backlogLines[C]) Empty() bool { return len(b.lines) == 0 }

// Join puts a connection at the end of an address's line.
func (b *backlogLines[C]) Join(address *target.Address, c C, place *backlogPlace) {
	line := b.lines[*address]
	if line == nil {
		line = list.New()
		b.lines[*address] = line
	}
	place.line = line
	place.element = line.PushBack(waitsForBacklog[C]{c, time.Now().Add(b.Time)})
}

// IsNowhere tells that a connection is not in line.
func (p *backlogPlace) IsNowhere() bool { return p.line == nil }

// Leave takes a connection out, if it is in line.
func (p *backlogPlace) Leave() {
	if p.line != nil {
		p.line.Remove(p.element)
		*p = backlogPlace{}
	}
}

// Try calls try with the first of each line, and goes on with the next one as long as that
// reports true: it must have left then. overdue tells that its time is over.
func (b *backlogLines[C]) Try(try func(first C, overdue bool) bool) {
	for address, line := range b.lines {
		for front := line.Front(); front != nil; front = line.Front() {
			first := front.Value.(waitsForBacklog[C])
			if !try(first.connection, b.Time > 0 && time.Until(first.deadline) <= 0) {
				break
			}
		}
		if line.Len() == 0 {
			delete(b.lines, address)
		}
	}
}
