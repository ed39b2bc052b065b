package main

import (
	"sync/atomic"
	"time"
)

// logQueue hands log lines to a goroutine that writes them. A reader of the log that
// is stuck stops that goroutine, never those who log, an event loop among them:
// beyond queuedLines, lines are left out, and counted.
type logQueue struct {
	out     recordWriter
	lines   recordWriter // to standard error, for what byLine queues
	entries chan logEntry
	leftOut atomic.Uint64
	gap     func(leftOut uint64) logRecord // the line that tells of lines left out
}

// logEntry is a record, or a request to tell when all before it has been written.
type logEntry struct {
	record  logRecord
	byLine  bool
	written chan<- struct{}
}

const (
	// queuedLines bounds the lines that wait to be written.
	queuedLines = 1024
	// flushTime bounds how long the end of the program waits for them.
	flushTime = time.Second
)

// newLogQueue returns a queue in front of out, and of lines for what byLine queues. It
// serves until the program ends.
func newLogQueue(out, lines recordWriter, gap func(leftOut uint64) logRecord) *logQueue {
	q := &logQueue{out: out, lines: lines, entries: make(chan logEntry, queuedLines), gap: gap}
	go q.serve()
	return q
}

// writeRecord implements recordWriter. It never waits.
func (q *logQueue) writeRecord(r logRecord) { q.add(logEntry{record: r}) }

func (q *logQueue) add(entry logEntry) {
	select {
	case q.entries <- entry:
	default:
		q.leftOut.Add(1)
	}
}

// byLine queues records that are to be written as lines, whatever the others are.
type byLine struct{ *logQueue }

func (q byLine) writeRecord(r logRecord) { q.add(logEntry{record: r, byLine: true}) }

func (q *logQueue) serve() {
	for entry := range q.entries {
		if entry.written != nil {
			close(entry.written)
			continue
		}
		if entry.byLine {
			q.lines.writeRecord(entry.record)
		} else {
			q.out.writeRecord(entry.record)
		}
		if n := q.leftOut.Swap(0); n > 0 {
			q.out.writeRecord(q.gap(n))
		}
	}
}

// Flush returns when the lines so far have been written, or after flushTime.
func (q *logQueue) Flush() {
	timeout := time.After(flushTime)
	written := make(chan struct{})
	select {
	case q.entries <- logEntry{written: written}:
	case <-timeout:
		return
	}
	select {
	case <-written:
	case <-timeout:
	}
}
