package ring

import "fmt"

// reading is what a half's source is doing.
type reading uint8

const (
	readingNothing   reading = iota
	readingStarved           // it waits in line for a free buffer
	readingRecv              // a recv is in flight
	readingRecvStops         // ... and is being cancelled
	readingPoll              // a poll for bytes is in flight
	readingPollStops         // ... and is being cancelled
)

// inFlight tells whether the kernel has an operation on the source, a watch apart.
func (r reading) inFlight() bool { return r >= readingRecv }

// stops tells whether it is being cancelled.
func (r reading) stops() bool { return r == readingRecvStops || r == readingPollStops }

// polls tells whether it is a poll.
func (r reading) polls() bool { return r >= readingPoll }

func (r reading) String() string {
	return name(int(r), "nothing", "starved", "recv", "recv that is being cancelled", "poll", "poll that is being cancelled")
}

// writing is what a half's destination is doing.
type writing uint8

const (
	writingNothing writing = iota
	writingSend            // a send is in flight
	writingUnpin           // ... and is being cancelled, to move its bytes out of the pool
	writingPoll            // a poll for room is in flight
)

// inFlight tells whether the kernel has an operation on the destination.
func (r writing) inFlight() bool { return r != writingNothing }

// sends tells whether it knows of a piece.
func (r writing) sends() bool { return r == writingSend || r == writingUnpin }

func (r writing) String() string {
	return name(int(r), "nothing", "send", "send that is being cancelled for its bytes", "poll")
}

// way is how a half moves its bytes.
type way uint8

const (
	wayMessages way = iota // a multishot recv, where there is one
	wayPieces              // receives piece by piece, each bounded
	waySplice              // is a stream: see splice.go
)

func (r way) String() string { return name(int(r), "messages", "pieces", "splice") }

// name is one of some names.
func name(n int, names ...string) string {
	if n < len(names) {
		return names[n]
	}
	return fmt.Sprintf("%d, which is none", n)
}
