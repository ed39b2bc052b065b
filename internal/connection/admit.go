package connection

import (
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/socket"
)

// admit gives an accepted descriptor to the worker that is to serve it, or closes
// it at the limit.
func (k *Keeper) admit(r *forward.Route, fd int) {
	r.Listener.Accepted(fd)
	if k.Mode == Stopping {
		k.close(fd, true)
		return
	}
	// An accept may take the whole backlog, those who have reset included; they must not
	// cost others their places.
	if k.Gate.Crowded() && socket.IsIP(r.Listener.Family) && k.Sockets.Closed(fd) {
		k.Gate.FoundNobody()
		k.close(fd, false)
		return
	}
	client := crew.Client{Route: r, FD: fd}
	switch to, verdict := k.Crew.Admit(client, k.Index, &k.Counts); {
	case verdict == crew.Refused:
		k.close(fd, false)
	case verdict == crew.Waits:
	case to != k.Index:
		k.handOver(client, to)
	default:
		k.Take(client)
	}
}

// handOver gives a client to another worker, with a descriptor for its target where those
// may run out: without, it stays, and waits here, where accepting can stop for it.
func (k *Keeper) handOver(client crew.Client, to int) {
	if k.Tight {
		fd, err := k.newReserve()
		if err != nil {
			k.Crew.Keep(k.Index, to)
			k.Take(client)
			return
		}
		client.Reserve = fd
	}
	k.Crew.HandOver(client, to)
}

// Take makes a client that was let in a connection of this worker.
func (k *Keeper) Take(client crew.Client) {
	if k.Mode == Stopping {
		k.Crew.Dismiss(client, k.Index)
		return
	}
	k.Counts.Served.Add(1)
	k.Sockets.Tune(client.FD, client.Route.Listener.Family)
	c := k.allocate(client)
	c.since, c.began = k.Now, k.Stopwatch.Now()
	if k.Policy.LogConnections {
		c.account = report.NewAccount(k.Sockets.Peer(client.FD))
	}
	if c.Passing = k.Policy.Passes(client.Route); c.Passing {
		k.Sockets.Prepare(client.FD)
	}
	k.resolve(c)
}

// TakeAll takes the messages and clients that have come by the inbox.
func (k *Keeper) TakeAll() {
	messages, clients := k.Box.Take()
	for _, message := range messages {
		message()
	}
	for _, client := range clients {
		k.Take(client)
	}
}
