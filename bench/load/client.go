package load

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bench/scenario"
)

// client is the sending side.
type client struct {
	*process
	latency  *latency
	schedule schedule
	clock    int     // a timerfd for the next message that is due; -1 in a closed loop
	free     []*conn // waiting for the start, or for a message to be due, the longest wait first
	all      []*conn
	working  int // connections that have had a reply, or have failed
	said     bool
}

// attack runs a client until it is told to quit.
func attack(config Config) error {
	p, err := newProcess(config)
	if err != nil {
		return err
	}
	c := &client{process: p, latency: newLatency(), clock: -1}
	if config.Rate > 0 {
		if c.clock, err = newTimer(0, 0); err == nil {
			err = c.add(c.clock, unix.EPOLLIN, nil)
		}
		if err != nil {
			return err
		}
	}
	c.deadline = c.now() + int64(patience)
	for i := range config.Connections {
		k := &conn{fd: -1, first: uint64(i) * stride}
		c.all = append(c.all, k)
		if err := c.open(k); err != nil {
			c.end(k, err)
		}
	}
	for !c.quit {
		if err := c.sendDue(); err != nil {
			return err
		}
		if err := c.wait(c.ready); err != nil {
			return err
		}
	}
	return nil
}

// open connects k and sends its first bytes.
func (c *client) open(k *conn) error {
	if c.Kind == scenario.Connect {
		return c.send(k, c.now())
	}
	fd, to, err := newSocket(c.Address, 0)
	if err != nil {
		return err
	}
	k.fd = fd
	timeout := unix.NsecToTimeval(int64(patience))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout); err != nil {
		return fmt.Errorf("SO_SNDTIMEO: %w", err)
	}
	if err := unix.Connect(fd, to); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	switch c.Kind {
	case scenario.Stream, scenario.Duplex:
		if _, err := write(k, binary.LittleEndian.AppendUint64(nil, k.first)); err != nil {
			return err
		}
		c.works(k)
		return c.add(fd, unix.EPOLLIN|unix.EPOLLOUT, k)
	default:
		if err := c.add(fd, unix.EPOLLIN, k); err != nil {
			return err
		}
		return c.send(k, c.now())
	}
}

func (c *client) ready(fd int, k *conn, events uint32) {
	switch {
	case fd == control:
		c.obey(c.command())
	case fd == c.ticker:
		c.clearTimer(fd)
		c.lookAtClock()
	case fd == c.clock:
		c.clearTimer(fd) // sendDue does the rest
	case k == nil:
	case c.Kind == scenario.Stream || c.Kind == scenario.Duplex:
		c.end(k, c.onStream(k, events))
	case c.Kind == scenario.Connect:
		c.end(k, c.onConnect(k, events))
	default:
		c.end(k, c.onEcho(k, events))
	}
	if c.draining {
		c.drained()
	}
}

// obey carries out a command, and answers it.
func (c *client) obey(name string) {
	now := c.now()
	switch name {
	case "", commandDrain:
		return
	case commandMark:
		c.counts.Late = c.recordLate(now)
		c.counts.Latency = c.latency.take()
	}
	c.answer(now)
	c.counts.Latency = nil
}

// works counts k as a connection that works or has failed, and reports when all have been
// counted.
func (c *client) works(k *conn) {
	if k.worked {
		return
	}
	k.worked = true
	c.working++
	if c.working == c.Connections {
		c.start()
	}
}

// start tells the benchmark that all connections work, and lets them go on. Until
// then each has sent only one message, so that the first ones cannot keep a proxy
// from accepting the others.
func (c *client) start() {
	if c.said {
		return
	}
	c.said = true
	c.answer(c.now())
	c.schedule = schedule{start: c.now(), rate: c.Rate}
	if c.Rate > 0 {
		return
	}
	for _, k := range c.free {
		c.end(k, c.send(k, c.now()))
	}
	c.free = nil
}

// lookAtClock gives up on connections that never started to work.
func (c *client) lookAtClock() {
	if !c.said && c.now() > c.deadline {
		c.fail(fmt.Errorf("%d of %d connections had no reply within %v", c.Connections-c.working, c.Connections, patience))
		c.start()
	}
}

// end closes k if err is not nil, which counts as an error of the proxy.
func (c *client) end(k *conn, err error) {
	if err == nil {
		return
	}
	c.fail(fmt.Errorf("client: %w", err))
	c.drop(k)
	k.flying = false
	c.works(k)
	if c.Kind == scenario.Connect && !c.halted {
		c.pause(k) // the next try may succeed, but an immediate one would spin
	}
}

// pause lets k connect again with the next message that is due; in a closed loop
// it stays away.
func (c *client) pause(k *conn) {
	if c.Rate > 0 {
		c.free = append(c.free, k)
	}
}

// drained answers a drain when all replies have arrived, or will not come.
func (c *client) drained() {
	flying := 0
	for _, k := range c.all {
		if k.flying {
			flying++
		}
	}
	missing := c.Kind == scenario.Duplex && c.counts.Received < c.expected
	if (flying > 0 || missing) && len(c.counts.Errors) == 0 && c.now() < c.deadline {
		return
	}
	if flying > 0 {
		c.fail(fmt.Errorf("%d requests had no complete reply within %v", flying, drainPatience))
	}
	if c.Kind == scenario.Duplex && c.counts.Received != c.expected {
		c.fail(fmt.Errorf("the client received %d bytes of the %d sent", c.counts.Received, c.expected))
	}
	c.draining = false
	c.answer(c.now())
}

// sendDue sends the messages that are due, as long as connections are free.
func (c *client) sendDue() error {
	if c.Rate == 0 || !c.said || c.halted {
		return nil
	}
	now := c.now()
	for len(c.free) > 0 && c.schedule.at(c.schedule.next) <= now {
		k := c.free[0]
		c.free = c.free[1:]
		due := c.schedule.at(c.schedule.next)
		c.schedule.next++
		c.end(k, c.send(k, due))
	}
	if len(c.free) == 0 {
		return nil // a reply will come first
	}
	return setTimer(c.clock, max(1, time.Duration(c.schedule.at(c.schedule.next)-now)), 0)
}
