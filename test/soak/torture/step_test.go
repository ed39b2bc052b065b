package torture

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/figures"
)

// step is one of what an end does, in its order.
type step struct {
	name  string
	do    func(*end, *track) outcome
	bytes int64
	piece int           // bytes of one call at most
	pause time.Duration // or how long to wait
	files int           // descriptors to pass
}

// outcome is what has come of a call.
type outcome int

const (
	waiting outcome = iota // for an event, or for a time
	moving                 // has moved something, and may go on
	done
)

func (s step) String() string {
	text := s.name
	if s.bytes > 0 {
		text += fmt.Sprintf(" %d", s.bytes)
	}
	if s.files > 0 {
		text += fmt.Sprintf(" with %d descriptors", s.files)
	}
	if s.piece > 0 && int64(s.piece) < s.bytes {
		text += fmt.Sprintf(" by %d", s.piece)
	}
	if s.pause > 0 {
		text += fmt.Sprintf(" %v", s.pause.Round(time.Microsecond))
	}
	return text
}

// The steps.

func sendStep(bytes int64, piece int) step {
	return step{name: "send", do: (*end).send, bytes: bytes, piece: piece}
}

func urgentStep() step { return step{name: "send urgently", do: (*end).sendUrgent, bytes: 1} }

func passStep(bytes int64, files int) step {
	return step{name: "pass", do: (*end).pass, bytes: bytes, piece: int(bytes), files: files}
}

func pauseStep(d time.Duration) step { return step{name: "pause", do: (*end).rest, pause: d} }

func receiveStep(bytes int64, piece int) step {
	return step{name: "receive", do: (*end).receive, bytes: bytes, piece: piece}
}

func receiveAllStep(piece int) step {
	return step{name: "receive all", do: (*end).receiveAll, piece: piece}
}

func awaitBytesStep(bytes int64) step {
	return step{name: "await bytes", do: (*end).awaitBytes, bytes: bytes}
}

var (
	awaitEndStep    = step{name: "await the end", do: (*end).awaitEnd}
	awaitUnreadStep = step{name: "await unread bytes", do: (*end).awaitUnread}
	takeNothingStep = step{name: "take nothing", do: func(*end, *track) outcome { return waiting }}
	awaitBreakStep  = step{name: "await the break", do: (*end).awaitBreak}
	endStep         = step{name: "end the stream", do: (*end).endStream}
	leaveStep       = step{name: "leave", do: func(e *end, _ *track) outcome { e.leave(); return waiting }}
	resetStep       = step{name: "reset", do: func(e *end, _ *track) outcome { e.breakOff(); return waiting }}
)

// send sends the next bytes, a piece by each call.
func (e *end) send(t *track) outcome {
	s := t.step()
	piece := min(s.bytes-t.moved, int64(s.piece)-t.moved%int64(s.piece))
	return e.transmit(t, int(piece), nil, 0)
}

// transmit makes one call to send.
func (e *end) transmit(t *track, n int, control []byte, flags int) outcome {
	if !e.writable {
		return waiting
	}
	data := e.stream().at(e.sent, n)
	sent, err := unix.SendmsgN(e.fd, data, control, nil, flags|unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	switch err {
	case nil:
	case unix.EAGAIN:
		e.writable = false
		return waiting
	case unix.EINTR:
		return moving
	default:
		e.tried = e.sent + int64(len(data))
		e.broken(err)
		return waiting
	}
	e.sent += int64(sent)
	e.account.bytes += int64(sent)
	figures.Count("bytes", int64(sent))
	if t.moved += int64(sent); t.moved >= t.step().bytes {
		return done
	}
	return moving
}

func (e *end) sendUrgent(t *track) outcome { return e.transmit(t, 1, nil, unix.MSG_OOB) }

// rest does nothing for a while.
func (e *end) rest(t *track) outcome {
	switch now := time.Now(); {
	case t.until.IsZero():
		t.until = now.Add(t.step().pause)
		e.loop.after(t.step().pause, e.advance)
		return moving
	case now.Before(t.until):
		return waiting
	}
	return done
}

// receive receives so many bytes, or less if the stream ends before.
func (e *end) receive(t *track) outcome {
	s := t.step()
	n, result := e.receiveOnce(int(min(int64(s.piece), s.bytes-t.moved)))
	if t.moved += int64(n); t.moved >= s.bytes {
		return done
	}
	return result
}

// receiveAll receives to the end of the stream.
func (e *end) receiveAll(t *track) outcome {
	_, result := e.receiveOnce(t.step().piece)
	return result
}

// receiveOnce makes one call to receive, and checks what comes.
func (e *end) receiveOnce(most int) (n int, result outcome) {
	if e.sawEnd {
		return 0, done
	}
	if !e.readable {
		return 0, waiting
	}
	n, err := e.receiveSome(most)
	switch {
	case err == unix.EAGAIN:
		e.readable = false
		return 0, waiting
	case err == unix.EINTR:
		return 0, moving
	case err != nil:
		e.broken(err)
		return 0, waiting
	case n == 0:
		e.sawEnd = true
		e.judgeEnd()
		return 0, done
	}
	return n, moving
}

// receiveSome receives up to so many bytes into the stage's block, and checks them.
func (e *end) receiveSome(most int) (n int, err error) {
	block := e.block[:min(most, len(e.block))]
	if e.of.plan.passes {
		n, err = e.receivePassing(block)
	} else {
		n, err = unix.Read(e.fd, block)
	}
	if n <= 0 || err != nil {
		return 0, err
	}
	from := &e.of.streams[1-e.who]
	if right := from.check(e.got, block[:n]); right < n {
		e.violated(violationByte, "the %v, at byte %d", e.who, e.got+int64(right))
	}
	e.got += int64(n)
	return n, nil
}

// awaitBytes waits until the end has received so many, or all.
func (e *end) awaitBytes(t *track) outcome { return when(e.sawEnd || e.got >= t.step().bytes) }

// awaitEnd waits for the end of the other's stream.
func (e *end) awaitEnd(*track) outcome { return when(e.sawEnd) }

// awaitUnread waits until bytes have arrived that nobody will read.
func (e *end) awaitUnread(*track) outcome {
	n, err := unix.IoctlGetInt(e.fd, unix.TIOCINQ)
	return when(err != nil || n > 0 || e.ended)
}

// awaitBreak waits until the end is told that the other has gone, without reading: by an
// error of a TCP socket, and by both ways' end of a UNIX socket.
func (e *end) awaitBreak(t *track) outcome {
	if !e.tellsBreak() {
		return waiting
	}
	if t == &e.tracks[sending] { // has nothing else to notice it by
		e.broken(nil)
		return waiting
	}
	return done
}

func (e *end) tellsBreak() bool { return e.tcp && e.failed || !e.tcp && e.hungUp }

// endStream half-closes. Of a broken connection that fails, and receiving or sending
// tells why.
func (e *end) endStream(*track) outcome {
	e.shut = unix.Shutdown(e.fd, unix.SHUT_WR) == nil
	return done
}

func when(reached bool) outcome {
	if reached {
		return done
	}
	return waiting
}

// broken handles the news that the connection is broken: the end takes what is there
// already, and leaves.
func (e *end) broken(err error) {
	e.sawBreak = true
	e.note("is told that the connection is broken: %v", err)
	e.judgeBreak(err)
	for !e.left && !e.sawEnd {
		n, err := e.receiveSome(len(e.block))
		if n == 0 && err != unix.EINTR && err != unix.ECONNRESET && err != unix.EPIPE {
			break
		}
	}
	e.leave()
}
