package logging

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestStuckLog logs to a reader that does not read: nobody waits, and the reader
// learns what it has missed.
func TestStuckLog(t *testing.T) {
	reader, writer := io.Pipe()
	log, _, queue := NewQueued(writer, Wishes{})
	const lines = 3 * queuedLines
	for i := range lines {
		log.Info("line", "number", i)
	}
	text := make(chan string)
	go func() {
		read, _ := io.ReadAll(reader)
		text <- string(read)
	}()
	queue.Flush()
	writer.Close()
	numbered, missing, last := 0, 0, -1
	for line := range strings.Lines(<-text) {
		if n, err := fmt.Sscanf(line, "the log was read too slowly, lines were dropped here: lines=%d", &missing); n == 1 && err == nil {
			continue
		}
		number := 0
		if n, err := fmt.Sscanf(line, "line: number=%d\n", &number); n != 1 || err != nil || number <= last {
			t.Fatalf("line %d is %q", numbered, line)
		}
		last = number
		numbered++
	}
	if numbered < queuedLines || numbered+missing != lines {
		t.Errorf("%d lines were read and %d reported as missing, of %d", numbered, missing, lines)
	}
}

// TestFlushGivesUp ends although nobody reads the log.
func TestFlushGivesUp(t *testing.T) {
	_, writer := io.Pipe()
	log, _, queue := NewQueued(writer, Wishes{})
	for range 2 * queuedLines {
		log.Info("unread")
	}
	queue.Flush()
}
