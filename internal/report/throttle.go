package report

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A flood of connections must not become one of log lines: of each kind, so many
// lines are let through in a while, and the number of those left out is a line of its
// own when the while is over.
const (
	throttleLines = 5
	throttleTime  = 5 * time.Second
)

// trouble is a kind of line that connections cause.
type trouble uint8

const (
	troubleRefused trouble = iota
	troubleUnreachable
	troubleAccept
	troubleShortage
	troubleIdle
	troubleHeader
	troublePassing
	troubleGivenUp
	troubleMemory
	troubles // how many there are
)

// troubleLines are how they are logged.
var troubleLines = [troubles]struct {
	level   slog.Level
	message string
}{
	troubleRefused:     {slog.LevelWarn, "connection limit reached, refusing a connection"},
	troubleUnreachable: {slog.LevelError, "cannot reach the target, closing the connection"},
	troubleAccept:      {slog.LevelWarn, "cannot accept a connection"},
	troubleShortage:    {slog.LevelWarn, "out of descriptors or memory, connections wait until others end"},
	troubleIdle:        {slog.LevelInfo, "the idle timeout has expired, resetting the connection"},
	troubleHeader:      {slog.LevelWarn, "no usable PROXY header, resetting the connection"},
	troublePassing:     {slog.LevelWarn, "descriptors cannot be passed on, resetting the connection"},
	troubleGivenUp:     {slog.LevelWarn, "connection limit reached, resetting a connection that one side has left"},
	troubleMemory:      {slog.LevelError, "no memory to hold what a slow peer has not taken, resetting the connection"},
}

// throttle bounds the lines of one kind. Its zero value is ready.
type throttle struct {
	mu      sync.Mutex
	timer   *time.Timer // ends the while that has begun; nil if none has
	lines   int         // let through in this while
	leftOut int
}

// admit tells whether one more line may be written, or counts it. ended is called
// when the while is over.
func (t *throttle) admit(ended func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer == nil {
		t.timer = time.AfterFunc(throttleTime, ended)
	}
	if t.lines < throttleLines {
		t.lines++
		return true
	}
	t.leftOut++
	return false
}

// end ends the while, and returns how many lines were left out in it.
func (t *throttle) end() (leftOut int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
	}
	leftOut = t.leftOut
	t.timer, t.lines, t.leftOut = nil, 0, 0
	return leftOut
}

// report logs trouble, or counts it as left out. attributes is called only for what
// is logged.
func (r *Reports) report(kind trouble, attributes func() []any) {
	if r.throttles[kind].admit(func() { r.reportLeftOut(kind) }) {
		line := troubleLines[kind]
		r.log.Log(context.Background(), line.level, line.message, attributes()...)
	}
}

// reportLeftOut says how often there was more trouble than was logged.
func (r *Reports) reportLeftOut(kind trouble) {
	if n := r.throttles[kind].end(); n > 0 {
		line := troubleLines[kind]
		r.log.Log(context.Background(), line.level, line.message+", repeated", "times", n)
	}
}
