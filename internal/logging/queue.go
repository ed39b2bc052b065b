package logging

import (
	"sync/atomic"
	"time"
)

// Queue hands log lines to a goroutine that writes them. If the reader of the log is
// stuck, that goroutine stops, but never those that log, such as an event loop:
// beyond queuedLines, lines are dropped and counted.
type Queue struct {
	out     recordWriter
	lines   recordWriter // to standard error, for what byLine queues
	entries chan entry
	leftOut atomic.Uint64
	gap     func(leftOut uint64) record // the line that reports dropped lines
}

// entry is a record, or a request to signal when all before it has been written.
type entry struct {
	record  record
	byLine  bool
	written chan<- struct{}
}

const (
	// queuedLines bounds the number of lines that wait to be written.
	queuedLines = 1024
	// FlushTime bounds how long the program waits for them at its end.
	FlushTime = time.Second
)

// newQueue returns a queue that writes to out, or to lines what byLine queues. It
// runs until the program ends.
func newQueue(out, lines recordWriter, gap func(leftOut uint64) record) *Queue {
	q := &Queue{out: out, lines: lines, entries: make(chan entry, queuedLines), gap: gap}
	go q.serve()
	return q
}

// writeRecord implements recordWriter. It never waits.
func (q *Queue) writeRecord(r record) { q.add(entry{record: r}) }

func (q *Queue) add(e entry) {
	select {
	case q.entries <- e:
	default:
		q.leftOut.Add(1)
	}
}

// byLine queues records that are written as lines in any case.
type byLine struct{ *Queue }

func (q byLine) writeRecord(r record) { q.add(entry{record: r, byLine: true}) }

func (q *Queue) serve() {
	for e := range q.entries {
		if e.written != nil {
			close(e.written)
			continue
		}
		if e.byLine {
			q.lines.writeRecord(e.record)
		} else {
			q.out.writeRecord(e.record)
		}
		if n := q.leftOut.Swap(0); n > 0 {
			q.out.writeRecord(q.gap(n))
		}
	}
}

// Flush returns when the lines so far have been written, or after FlushTime.
func (q *Queue) Flush() {
	timeout := time.After(FlushTime)
	written := make(chan struct{})
	select {
	case q.entries <- entry{written: written}:
	case <-timeout:
		return
	}
	select {
	case <-written:
	case <-timeout:
	}
}
