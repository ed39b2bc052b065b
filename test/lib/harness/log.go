package harness

import (
	"bufio"
	"os"
	"regexp"
	"sync"
)

// lineLog collects the lines that a program writes.
type lineLog struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced when lines grows, closed for good at the end
	ended bool
}

// read collects lines until the file ends.
func (l *lineLog) read(file *os.File) {
	l.more = make(chan struct{})
	go func() {
		defer file.Close()
		scanner := bufio.NewScanner(file)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			l.add(scanner.Text())
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ended = true
		close(l.more)
	}()
}

func (l *lineLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	close(l.more)
	l.more = make(chan struct{})
}

// snapshot returns the lines so far, what to wait for, and whether there will be
// no more.
func (l *lineLog) snapshot() (lines []string, more <-chan struct{}, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[:len(l.lines):len(l.lines)], l.more, l.ended
}

// alarming matches what no program that works ever writes.
var alarming = regexp.MustCompile(`WARNING: DATA RACE|^panic: |^fatal error: |^goroutine \d+ |^SIG[A-Z]+: |^unexpected fault`)
