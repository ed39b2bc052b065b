package torture

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// role distinguishes the two ends of a connection.
type role int

const (
	client role = iota
	target
)

func (r role) String() string { return [...]string{"client", "target"}[r] }

// end is one end of a connection: a socket, and where it is in its part of the plan.
type end struct {
	*stage
	of  *connection // nil of a target's end that has yet to learn whose it is
	who role
	tcp bool

	fd     int
	number int32 // in the loop
	ports  ports

	tracks [tracks]track

	// What epoll has said, until a call says otherwise.
	readable, writable bool
	ended              bool // the other way has ended, or all of it
	failed             bool // the socket has an error
	hungUp             bool // both ways have ended

	// What it has done.
	sent    int64 // bytes that its kernel has taken
	tried   int64 // and those that it refused with an error
	got     int64 // bytes received
	shut    bool  // has ended its stream
	left    bool  // has closed its socket
	unread  bool  // ... with bytes in it
	reset   bool  // ... with a reset
	passes  []pass
	arrived int // passes of the other end that have

	// What it was told.
	sawEnd   bool // the other's stream has ended
	sawBreak bool // the connection is broken

	kind   int           // of a target: whose socket it came by, in targetKinds
	since  time.Duration // when it last moved, if it is nobody's, by the stage's clock
	inLine bool          // for its next turn
}

// tracks are what an end does at the same time: what it sends, what it receives, and
// what befalls it at some time, whatever it is about.
const (
	sending = iota
	receiving
	fate
	tracks
)

// track is a part's steps, and how far they have been taken.
type track struct {
	steps []step
	at    int
	moved int64     // bytes, in the step at hand
	until time.Time // when the pause at hand is over
}

func (t *track) over() bool { return t.at == len(t.steps) }
func (t *track) step() step { return t.steps[t.at] }

// newEnd begins an end on a socket, which becomes its own.
func (s *stage) newEnd(fd int, who role, tcp bool) *end {
	e := &end{stage: s, who: who, tcp: tcp, fd: fd, since: s.clock.now}
	var err error
	if e.number, err = s.loop.add(fd, e); err != nil {
		s.fatal("epoll_ctl: %v", err)
	}
	return e
}

// begin gives an end its part.
func (e *end) begin(of *connection) {
	e.of = of
	of.ends[e.who] = e
	part := &of.plan.parts[e.who]
	for i, steps := range part.tracks {
		e.tracks[i].steps = steps
	}
	e.ports = portsOf(e.fd)
	if part.sendBuffer > 0 {
		_ = unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, part.sendBuffer) // never refused
	}
}

// other is the other end; nil of a target's that the proxy has not reached yet.
func (e *end) other() *end { return e.of.ends[1-e.who] }

// stream is what this end sends.
func (e *end) stream() *stream { return &e.of.streams[e.who] }

// happened implements handler.
func (e *end) happened(events uint32) {
	const gone = unix.EPOLLHUP | unix.EPOLLERR
	e.readable = e.readable || events&(unix.EPOLLIN|unix.EPOLLRDHUP|gone) != 0
	e.writable = e.writable || events&(unix.EPOLLOUT|gone) != 0
	e.ended = e.ended || events&(unix.EPOLLRDHUP|gone) != 0
	e.failed = e.failed || events&unix.EPOLLERR != 0
	e.hungUp = e.hungUp || events&unix.EPOLLHUP != 0
	e.advance()
}

// turn is how many calls an end makes before others get their turn.
const turn = 64

// advance takes steps until all tracks wait, or are over.
func (e *end) advance() {
	if e.of == nil && !e.left {
		e.identify()
	}
	if e.of == nil || e.left {
		return
	}
	for range turn {
		moved := false
		for i := range e.tracks {
			moved = e.take(&e.tracks[i]) || moved
			if e.left {
				return
			}
		}
		if e.finished() {
			e.leave()
			return
		}
		if !moved {
			return
		}
	}
	if !e.inLine {
		e.inLine = true
		e.loop.again = append(e.loop.again, e)
	}
}

// take goes on with a track's step, and reports whether that has moved anything.
func (e *end) take(t *track) (moved bool) {
	if t.over() {
		return false
	}
	switch t.step().do(e, t) {
	case waiting:
		return false
	case done:
		e.of.add(note{who: e.who, done: t.step()})
		t.at++
		t.moved, t.until = 0, time.Time{}
	}
	e.of.moved = e.clock.now
	return true
}

func (e *end) finished() bool {
	return e.tracks[sending].over() && e.tracks[receiving].over() && e.tracks[fate].over()
}

// leave closes the socket. With bytes in it that nobody has read, that breaks the
// connection; the kernel then resets it if it is TCP's.
func (e *end) leave() {
	if e.left {
		return
	}
	n, err := unix.IoctlGetInt(e.fd, unix.TIOCINQ)
	e.unread = err == nil && n > 0
	e.close()
}

// breakOff closes the socket with a reset. UNIX sockets have none.
func (e *end) breakOff() {
	if e.tcp && !e.left {
		if err := unix.SetsockoptLinger(e.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			e.fatal("SO_LINGER: %v", err)
		}
		e.reset = true
	}
	e.leave()
}

func (e *end) close() {
	e.left = true
	e.loop.forget(e.number)
	unix.Close(e.fd)
	if e.of == nil {
		delete(e.strangers, e)
		return
	}
	e.note("closes its socket (%s)", e)
	e.of.moved = e.clock.now
	e.settle(e.of)
}

// String is what an end has done and was told.
func (e *end) String() string {
	if e == nil {
		return "never there"
	}
	text := fmt.Sprintf("sent %d, got %d", e.sent, e.got)
	for _, fact := range []struct {
		is   bool
		text string
	}{
		{e.tried > e.sent, fmt.Sprintf("tried to send %d", e.tried)}, {e.shut, "ended its stream"},
		{e.left && !e.reset, "left"}, {e.unread, "left bytes unread"}, {e.reset, "reset"},
		{e.sawEnd, "saw the end"}, {e.sawBreak, "saw it broken"},
	} {
		if fact.is {
			text += ", " + fact.text
		}
	}
	for i, name := range []string{"sends", "receives", "fate"} {
		if t := &e.tracks[i]; !t.over() && !e.left {
			text += fmt.Sprintf(", %s: %v (%d moved)", name, t.step(), t.moved)
		}
	}
	return text
}
