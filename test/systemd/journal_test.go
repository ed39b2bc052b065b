package systemd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// entry is what one line of a machine's journal says.
type entry struct {
	Message  string `json:"MESSAGE"`
	Priority string `json:"PRIORITY"`
	Unit     string `json:"_SYSTEMD_UNIT"` // of the process that wrote it
	About    string `json:"UNIT"`          // what systemd wrote it about
	PID      string `json:"_PID"`

	Transport  string `json:"_TRANSPORT"`
	Identifier string `json:"SYSLOG_IDENTIFIER"`
	Target     string `json:"TARGET"`
}

// journal is what a machine has logged since it started.
type journal struct {
	mu      sync.Mutex
	entries []entry
	more    chan struct{} // closed and replaced with each entry
	ended   chan struct{} // closed when the machine has ended
}

// followJournal reads the journal as it grows, until the machine ends.
func (m *Machine) followJournal() {
	m.t.Helper()
	m.journal.more = make(chan struct{})
	cmd := m.command("journalctl", "--follow", "--no-tail", "--boot", "--output=json")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.journal.ended = make(chan struct{})
	go m.journal.read(out, cmd)
}

func (j *journal) read(out io.Reader, cmd *exec.Cmd) {
	defer close(j.ended)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			e.Message = fmt.Sprintf("not understood (%v): %s", err, lines.Text())
		}
		j.mu.Lock()
		j.entries = append(j.entries, e)
		close(j.more)
		j.more = make(chan struct{})
		j.mu.Unlock()
	}
	_ = cmd.Wait() // it ends with the machine
}

// since returns the entries from the n-th on, and what to wait for.
func (j *journal) since(n int) ([]entry, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries[n:len(j.entries):len(j.entries)], j.more
}

// length is the number of entries so far.
func (j *journal) length() int {
	entries, _ := j.since(0)
	return len(entries)
}

// count is how many messages so far match.
func (j *journal) count(pattern string) (n int) {
	matcher := regexp.MustCompile(pattern)
	entries, _ := j.since(0)
	for _, e := range entries {
		if matcher.MatchString(e.Message) {
			n++
		}
	}
	return n
}

// await waits for a message that matches, of a unit or of systemd about it, from
// the n-th entry on. It returns what to go on from, too.
func (j *journal) await(t *testing.T, n int, unit, pattern string) (found entry, next int) {
	t.Helper()
	matcher := regexp.MustCompile(pattern)
	timeout := time.After(harness.Patience)
	for {
		entries, more := j.since(n)
		for _, e := range entries {
			n++
			if (e.Unit == unit || e.About == unit) && matcher.MatchString(e.Message) {
				return e, n
			}
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("within %v the journal has no %q of %s", harness.Patience, pattern, unit)
		}
	}
}

// Await waits for a message of a unit, or of systemd about it.
func (m *Machine) Await(unit, pattern string) entry {
	m.t.Helper()
	found, _ := m.journal.await(m.t, 0, unit, pattern)
	return found
}

// said is what the processes of a unit have written so far.
func (m *Machine) said(unit string) (said []entry) {
	entries, _ := m.journal.since(0)
	for _, e := range entries {
		if e.Unit == unit {
			said = append(said, e)
		}
	}
	return said
}
