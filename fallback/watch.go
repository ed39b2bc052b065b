package fallback

import "uring-socket-proxyd/internal/connection"

// WatchLeaving implements connection.Mover.
func (w *worker) WatchLeaving(c *connection.Connection) { w.checkLeft(w.of(c)) }

// checkLeft ends a connection whose client has ended its stream, or closed, while it waits
// for a target, if it is not worth waiting for.
func (w *worker) checkLeft(c *transfer) {
	if !c.client.ended || !w.AskedNothing(&c.Connection) {
		return
	}
	if c.State == connection.WaitingToRetry || c.late || c.client.closed {
		w.ClientLeft(&c.Connection)
		return
	}
	generation := c.Generation
	w.timers.start(connection.LookAfter, func() {
		if c.Generation == generation && c.State.Awaits() {
			c.late = true
			w.checkLeft(c)
		}
	})
}
