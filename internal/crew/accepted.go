package crew

import (
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// A service manager may accept itself and pass connections on, one to each process as a
// rule (Accept=yes in systemd.socket(5)). They are let in and handed to workers like
// the clients of listeners. If nothing listens, nobody else can come, so the crew drains
// from the beginning: it ends with them.

// Begin hands the clients that were passed to the program to the members. It is called
// once, before any of them runs; from then on the clients are the crew's. nonblocking
// tells how the engine wants their sockets.
func (c *Crew) Begin(nonblocking bool) {
	const accepting = 0 // the member that counts them
	for _, client := range c.services.Clients {
		to, verdict := c.Admit(client, accepting, c.members[accepting].Counters())
		if verdict != LetIn {
			socket.System{}.Close(client.FD)
			continue
		}
		_ = unix.SetNonblock(client.FD, nonblocking) // fails on no open descriptor
		c.HandOver(client, to)
	}
	if len(c.policy.Routes) == 0 {
		c.Drain()
	}
}
