package connection

import "uring-socket-proxyd/internal/socket"

// A shortage of descriptors or memory passes when other connections end. So clients
// wait for it as they would in the listener's backlog: those that a worker has
// accepted stand in line, and it accepts no more until all of them have what they
// need.

// shortage is the connections that wait for a descriptor, or for memory, in order.
type shortage struct {
	line  []inLine
	timer *Timer
}

// inLine is a place in line. The generation tells whether the connection is still the one
// that got there.
type inLine struct {
	connection *Connection
	generation uint32
}

// reserve sees to it that a connection can have a descriptor for its target, where
// those may run out. If not, it puts the connection in line and reports false.
func (k *Keeper) reserve(c *Connection) bool {
	if !k.Tight || c.Target.FD != NoFD {
		return true
	}
	fd, err := k.newReserve()
	if err != nil {
		k.postpone(c, err)
		return false
	}
	c.Target.FD = fd
	return true
}

func (k *Keeper) newReserve() (int, error) {
	fd, err := k.reserveDescriptor()
	if err != nil && k.pipes.Drop() {
		fd, err = k.reserveDescriptor()
	}
	return fd, err
}

func (k *Keeper) reserveDescriptor() (int, error) {
	fd, err := k.Sockets.Reserve(k.Box.FD())
	if err == nil {
		if err = k.Policy.Spare(fd); err != nil {
			k.Sockets.Close(fd)
		}
	}
	return fd, err
}

// giveReserve makes room for the target's own descriptor.
func (k *Keeper) giveReserve(c *Connection) {
	if c.Target.FD != NoFD {
		k.Sockets.Close(c.Target.FD)
		c.Target.FD = NoFD
	}
}

// postpone puts a connection in line until what it needs may be there, and stops
// accepting. Its time to reach the target does not run meanwhile, as it would not for a
// client that nobody has accepted yet.
func (k *Keeper) postpone(c *Connection, err error) {
	k.enter(c, WaitingForDescriptor)
	k.Wheel.Cancel(&c.alarm)
	k.Reports.Shortage(c.Route.Listener, k.Gate.Current(), err)
	k.shortage.line = append(k.shortage.line, inLine{c, c.Generation})
	k.stopAllAccepting()
	k.shortage.timer.Start(socket.ShortagePause)
}

// goOn lets those in line try again, in order, until one finds that there is still
// a shortage; without one, the worker accepts again.
func (k *Keeper) goOn() {
	line := k.shortage.line
	k.shortage.line = nil
	for i, next := range line {
		c := next.connection
		switch {
		case c.Generation != next.generation, c.State != WaitingForDescriptor, c.Finished():
		case c.Dial.Begun():
			k.connectNext(c)
		default:
			k.resolve(c)
		}
		if len(k.shortage.line) > 0 {
			k.shortage.line = append(k.shortage.line, line[i+1:]...)
			return
		}
	}
	k.acceptAgain()
}
