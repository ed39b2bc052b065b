package connection

import "golang.org/x/sys/unix"

// A connect to a UNIX socket never waits, so it is made inline: in a ring it would hold one
// of the kernel's few threads until there is room, and others with it.

// backlogs are the connections that wait for room in a target's backlog.
type backlogs struct {
	backlogLines[*Connection]
	timer *Timer
}

// connectUNIX connects a connection's target, or puts the connection in line.
func (k *Keeper) connectUNIX(c *Connection) error {
	address := c.Dial.Current()
	if !k.Backlogs.Waited(address) {
		switch errno := k.Sockets.Connect(c.Target.FD, address.Sockaddr()); errno {
		case 0:
			return k.mover.Connect(c, Done)
		case unix.EAGAIN:
		default:
			return errno
		}
	}
	k.enter(c, WaitingForBacklog)
	k.Backlogs.Join(address, c, &c.place)
	k.Backlogs.start()
	return nil
}

func (b *backlogs) start() {
	if !b.Empty() {
		b.timer.Start(backlogPause)
	}
}

// connectWaiting tries those again that wait, in order.
func (k *Keeper) connectWaiting() {
	k.Backlogs.Try(func(c *Connection, overdue bool) bool {
		var err error
		switch errno := k.Sockets.Connect(c.Target.FD, c.Dial.Current().Sockaddr()); {
		case errno == 0:
			c.place.Leave()
			k.enter(c, Connecting)
			err = k.mover.Connect(c, Done)
		case errno != unix.EAGAIN:
			err = errno
		case overdue:
			err = errBacklogFull
		default:
			return false
		}
		if err != nil {
			k.ConnectFailed(c, err)
		}
		return true
	})
	k.Backlogs.start()
}
