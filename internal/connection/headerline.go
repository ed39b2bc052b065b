package connection

import (
	"container/list"
	"errors"
	"time"
)

// HeaderTime is how long a client may take to send its PROXY header, from when it was
// accepted. The specification advises at least 3 seconds, within which a lost packet is sent
// again.
const HeaderTime = 5 * time.Second

var (
	errEnded = errors.New("the client left before its header was complete")

	// errLate is what is wrong with a header that is not complete in time.
	errLate = errors.New("the header was not complete in time")
)

// headerLine holds a worker's connections whose clients have yet to send a header. All
// have the same time for it, so the line is in the order of their deadlines: joining,
// leaving and finding the late take the same time however many there are.
type headerLine[C any] struct {
	Time time.Duration // that each has
	line list.List
}

// headerPlace is where a connection stands in the line.
type headerPlace = *list.Element

// waitsForHeader is what stands there.
type waitsForHeader[C any] struct {
	connection C
	deadline   time.Time
}

// Join puts a connection in line, at the end, if it does not stand there yet.
func (l *headerLine[C]) Join(c C, prologue *Prologue) {
	if prologue.place != nil {
		return
	}
	prologue.place = l.line.PushBack(waitsForHeader[C]{c, time.Now().Add(l.Time)})
}

// Leave takes a connection out, if it is in line.
func (l *headerLine[C]) Leave(prologue *Prologue) {
	if prologue.place != nil {
		l.line.Remove(prologue.place)
		prologue.place = nil
	}
}

// Next is how long the first in line still has. Without one, it reports false.
func (l *headerLine[C]) Next() (first C, left time.Duration, ok bool) {
	front := l.line.Front()
	if front == nil {
		return first, 0, false
	}
	next := front.Value.(waitsForHeader[C])
	return next.connection, time.Until(next.deadline), true
}
