package ring

import "fmt"

// operation is the kind of an SQE, carried in its user data.
type operation uint8

const (
	opAccept operation = iota
	opConnect
	opRecvClient // client→target half
	opRecvTarget // target→client half
	opSendTarget // client→target half
	opSendClient // target→client half
	opWatchClient
	opWatchTarget
	opClose
	opWake
	opTimer

	// opCancel is added to the operation that is to be cancelled.
	opCancel operation = 1 << 7
)

// String names an operation for messages.
func (o operation) String() string {
	if o&opCancel != 0 {
		return "cancel of " + (o &^ opCancel).String()
	}
	names := [...]string{"accept", "connect", "recv from client", "recv from target",
		"send to target", "send to client", "watch of client", "watch of target", "close", "wake", "timer"}
	if int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("operation %d", o)
}

// userData identifies an operation in flight: its kind, the slot it belongs to
// (a connection, a listener, a timer) and the generation of that slot. A
// completion of an earlier generation is stale: it is never taken for one of the
// connection that has the slot now.
//
//	63          32 31           8 7      0
//	 generation     slot           kind
//
// 24 bits tell as many slots apart as crew.MaxConnections.
type userData uint64

func newUserData(op operation, slot, generation uint32) userData {
	return userData(generation)<<32 | userData(slot)<<8 | userData(op)
}

func (u userData) operation() operation { return operation(u) }
func (u userData) slot() uint32         { return uint32(u) >> 8 }
func (u userData) generation() uint32   { return uint32(u >> 32) }
