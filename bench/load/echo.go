package load

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bench/scenario"
)

// send sends a request on k; its latency counts from due.
func (c *client) send(k *conn, due int64) error {
	k.due, k.flying = due, true
	if c.Kind == scenario.Connect {
		return c.connect(k)
	}
	return c.request(k)
}

// request writes a message to k's connection.
func (c *client) request(k *conn) error {
	k.unsent = c.pattern.at(k.first+k.sent, c.MessageSize)
	k.sent += uint64(c.MessageSize)
	c.counts.Sent += uint64(c.MessageSize)
	return c.flush(k)
}

// onEcho handles a connection whose request is out.
func (c *client) onEcho(k *conn, events uint32) error {
	if events&unix.EPOLLOUT != 0 {
		if err := c.flush(k); err != nil {
			return err
		}
	}
	complete, err := c.reply(k)
	if !complete || err != nil {
		return err
	}
	return c.next(k)
}

// reply reads from k and reports whether its reply is complete now. Bytes beyond
// the reply are an error.
func (c *client) reply(k *conn) (bool, error) {
	n, err := c.receive(k, int(k.sent-k.received))
	if err != nil || n == 0 || k.received < k.sent {
		return false, err
	}
	return true, nil
}

// next records k's reply and lets it send again, now or when a message is due.
func (c *client) next(k *conn) error {
	now := c.now()
	c.latency.record(now - k.due)
	c.counts.Messages++
	k.flying = false
	c.works(k)
	switch {
	case c.halted || c.Kind == scenario.Idle:
		return nil
	case c.Rate > 0 || !c.said:
		c.free = append(c.free, k)
		return nil
	default:
		return c.send(k, now)
	}
}

// connect opens the next connection in k's slot.
func (c *client) connect(k *conn) error {
	fd, to, err := newSocket(c.Address, unix.SOCK_NONBLOCK)
	if err != nil {
		return err
	}
	k.first, k.sent, k.received, k.unsent = k.first+stride, 0, 0, nil
	if err := c.add(fd, unix.EPOLLOUT, k); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	if err := unix.Connect(fd, to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// onConnect handles a slot of connect-*: it is connected, gets its reply, and is closed.
func (c *client) onConnect(k *conn, events uint32) error {
	if k.sent == 0 {
		if reason, err := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || reason != 0 {
			return fmt.Errorf("connect: %w", errors.Join(err, unix.Errno(reason)))
		}
		return c.request(k)
	}
	if len(k.unsent) > 0 {
		return c.flush(k)
	}
	complete, err := c.reply(k)
	if !complete || err != nil {
		return err
	}
	c.drop(k)
	return c.next(k)
}

// onStream sends, and in a duplex scenario receives.
func (c *client) onStream(k *conn, events uint32) error {
	if events&unix.EPOLLOUT != 0 {
		if err := c.stream(k); err != nil {
			return err
		}
	}
	if events&^unix.EPOLLOUT == 0 {
		return nil
	}
	most := 0
	if c.Kind == scenario.Duplex {
		most = bufferSize
	}
	_, err := c.receive(k, most)
	return err
}
