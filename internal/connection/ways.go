package connection

import "fmt"

// Reading is what a half's source is doing, in an engine whose operations are in flight for a
// while. An engine that makes its calls inline does not use it.
type Reading uint8

const (
	ReadingNothing   Reading = iota
	ReadingStarved           // it queues for a free buffer
	ReadingRecv              // a recv is in flight
	ReadingRecvStops         // ... and is being cancelled
	ReadingPoll              // a poll for bytes is in flight
	ReadingPollStops         // ... and is being cancelled
)

// InFlight tells whether the kernel has an operation on the source, a watch apart.
func (r Reading) InFlight() bool { return r >= ReadingRecv }

// Stops tells whether it is being cancelled.
func (r Reading) Stops() bool { return r == ReadingRecvStops || r == ReadingPollStops }

// Polls tells whether it is a poll.
func (r Reading) Polls() bool { return r >= ReadingPoll }

func (r Reading) String() string {
	return name(int(r), "nothing", "starved", "recv", "recv that is being cancelled", "poll", "poll that is being cancelled")
}

// Writing is the same for its destination.
type Writing uint8

const (
	WritingNothing Writing = iota
	WritingSend            // a send is in flight
	WritingUnpin           // ... and is being cancelled, to move its bytes out of the pool
	WritingPoll            // a poll for room is in flight
)

// InFlight tells whether the kernel has an operation on the destination.
func (w Writing) InFlight() bool { return w != WritingNothing }

// Sends tells whether it knows of bytes to send.
func (w Writing) Sends() bool { return w == WritingSend || w == WritingUnpin }

func (w Writing) String() string {
	return name(int(w), "nothing", "send", "send that is being cancelled for its bytes", "poll")
}

// Way is how a half moves its bytes.
type Way uint8

const (
	WayMessages Way = iota // by copying
	WayPieces              // ... but receives piece by piece, each bounded
	WaySplice              // by splice(2): it is a stream
)

func (w Way) String() string { return name(int(w), "messages", "pieces", "splice") }

// Input is what a half's source has said about its stream.
type Input uint8

const (
	InputOpen   Input = iota
	InputEnded        // there are no more bytes
	InputFailed       // ... because it broke: the destination is to be reset
)

func (i Input) String() string { return name(int(i), "open", "ended", "failed") }

// name is one of some names.
func name(n int, names ...string) string {
	if n < len(names) {
		return names[n]
	}
	return fmt.Sprintf("%d, which is none", n)
}
