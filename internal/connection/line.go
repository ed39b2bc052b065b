package connection

// Line is a queue of halves that wait for something.
type Line struct {
	waiting []placeInLine
	head    int
}

// placeInLine has the generation, which tells whether the connection is still the one that
// got in line.
type placeInLine struct {
	half       *Half
	generation uint32
}

// Join puts a half at the end.
func (l *Line) Join(h *Half) {
	if len(l.waiting) == cap(l.waiting) && l.head > 0 {
		l.waiting = l.waiting[:copy(l.waiting, l.waiting[l.head:])]
		l.head = 0
	}
	l.waiting = append(l.waiting, placeInLine{h, h.Connection.Generation})
}

// Len is how many there are, those included that have ended.
func (l *Line) Len() int { return len(l.waiting) - l.head }

// First is the first in line that has not ended; nil if there is none.
func (l *Line) First() *Half {
	for l.head < len(l.waiting) {
		first := l.waiting[l.head]
		if first.half.Connection.Generation == first.generation && !first.half.Done {
			return first.half
		}
		l.head++
	}
	l.waiting, l.head = l.waiting[:0], 0
	return nil
}

// Pop is First, and takes it out.
func (l *Line) Pop() *Half {
	first := l.First()
	if first != nil {
		l.head++
	}
	return first
}
