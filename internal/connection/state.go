package connection

import "fmt"

// State is where a connection is in its life. What follows from its halves, or from what an
// engine has in flight, is not stored again. On its way to the target a connection may have
// to wait: for a descriptor, for its next try, or for room in the target's backlog.
// Afterwards it goes on where it was. The picture in docs/architecture.md shows every change
// of state, and TestLife makes sure that there are no others.
type State uint8

const (
	Free                 State = iota // the slot belongs to nobody
	Greeting                          // the client has yet to send its PROXY header
	WaitingForDescriptor              // or for memory: see shortage.go
	Resolving                         // the resolver has yet to answer
	WaitingToRetry                    // the target could not be reached, and is tried again later
	Connecting                        // a connect is under way
	WaitingForBacklog                 // that of the target, on a UNIX socket, is full
	Forwarding                        // the target is connected
	Closing                           // another thread closes its sockets: see passing.go

	states // how many there are
)

var stateNames = [states]string{"free", "greeting", "waiting for a descriptor", "resolving", "waiting to retry", "connecting",
	"waiting for a full backlog", "forwarding", "closing"}

func (s State) String() string {
	if s < states {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// enter has a connection enter a state.
func (k *Keeper) enter(c *Connection, s State) {
	k.entered[c.State] |= 1 << s
	c.State = s
}

// Awaits tells whether the client waits for its target, and has nothing else to do.
func (s State) Awaits() bool { return s >= WaitingForDescriptor && s <= WaitingForBacklog }

// Mode is what a worker is doing.
type Mode uint8

const (
	Serving  Mode = iota
	Retiring      // stops accepting, so that the crew can see whether it is idle
	Quiet         // has stopped accepting, and waits for the others
	Stopping      // resets what is left, then ends
)

var modes = [...]string{"serving", "retiring", "quiet", "stopping"}

func (m Mode) String() string {
	if int(m) < len(modes) {
		return modes[m]
	}
	return fmt.Sprintf("mode %d", uint8(m))
}
