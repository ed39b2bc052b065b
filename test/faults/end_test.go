package faults

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// end is one end of a connection that a case breaks. What it sends and what it
// receives are streams whose every byte is checked.
type end struct {
	*harness.Conn
	t        testing.TB
	out, in  *harness.Pattern
	sent     atomic.Int64
	received atomic.Int64
	sending  chan error // nil: it does not send
	reading  chan error // nil: it does not read
	over     bool       // it has read the end of the stream
}

// The streams of a connection, by direction.
const (
	streamUp   = 1 // from the client
	streamDown = 2 // to the client
)

// joinEnds makes a connection and returns both ends.
func (s *stage) joinEnds(options harness.SocketOptions) (client, far *end) {
	s.t.Helper()
	c, f := s.joinWith(options)
	pattern := func(stream uint64) *harness.Pattern { return harness.NewPattern(s.seed, stream) }
	client = &end{Conn: c, t: s.t, out: pattern(streamUp), in: pattern(streamDown)}
	far = &end{Conn: f, t: s.t, out: pattern(streamDown), in: pattern(streamUp)}
	return client, far
}

const endless = 1 << 40 // bytes

// breath is how much an end sends before it leaves the processor to others for a
// moment, bytes.
const breath = 256 << 10

// send begins to send, n bytes at a time at most, until the connection is no more.
func (e *end) send(piece int64) {
	e.sending = make(chan error, 1)
	go func() {
		for left := breath; ; {
			err := e.out.SendTo(e.Conn.Conn, min(piece, breath), func(n int) {
				e.sent.Add(int64(n))
				left -= n
			})
			if err != nil {
				e.sending <- err
				return
			}
			if left <= 0 {
				time.Sleep(2 * time.Millisecond)
				left = breath
			}
		}
	}()
}

// read begins to read and check, until the connection is no more.
func (e *end) read() {
	e.reading = make(chan error, 1)
	go func() { e.reading <- e.in.CheckPart(counted{e.Conn.Conn, &e.received}, endless) }()
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// awaitSent waits until the end has sent as much.
func (e *end) awaitSent(n int64) {
	e.t.Helper()
	harness.Until(e.t, "bytes to be sent", func() bool { return e.sent.Load() >= n })
}

// awaitReceived waits until the end has received as much.
func (e *end) awaitReceived(n int64) {
	e.t.Helper()
	harness.Until(e.t, "bytes to arrive", func() bool { return e.received.Load() >= n })
}

// awaitStuck waits until what the end sends is taken no more.
func (e *end) awaitStuck() {
	e.t.Helper()
	e.awaitSent(1)
	harness.Settled(e.t, "the sender", e.sent.Load, stuckAfter)
}

// stuckAfter is some ticks of the program's search for slow peers.
const stuckAfter = 150 * time.Millisecond

// expectBroken reads what is left, which must be right as far as it goes, and then the
// reset.
func (e *end) expectBroken() {
	e.t.Helper()
	if e.over {
		// It has nothing more to read: what it writes tells.
		harness.Until(e.t, "writing to fail", func() bool {
			_, err := e.Write([]byte("x"))
			return err != nil
		})
		return
	}
	if e.reading == nil {
		e.read()
	}
	read := <-e.reading // bounded by the connection's deadline
	var sent error
	if e.sending != nil {
		sent = <-e.sending
	}
	// The kernel tells of a reset once, be it the reader or the writer; then the reader
	// sees the end.
	if !isReset(read) && !(errors.Is(read, io.EOF) && isReset(sent)) {
		e.t.Errorf("reading ended with %v, sending with %v: want a reset", read, sent)
	}
}
