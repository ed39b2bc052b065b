package logging

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
)

// sentEntry is what the journal was sent.
type sentEntry struct {
	message  string
	priority journal.Priority
	fields   map[string]string
}

// logToJournal returns a logger to a journal, what that gets, and standard error.
// failing is what sending ends with.
func logToJournal(failing *error) (*slog.Logger, *[]sentEntry, *bytes.Buffer) {
	entries, stderr := new([]sentEntry), new(bytes.Buffer)
	w := newJournalWriter(&lineWriter{out: stderr, priorities: true})
	w.identifier = "proxy"
	w.send = func(message string, priority journal.Priority, fields map[string]string) error {
		if *failing == nil {
			*entries = append(*entries, sentEntry{message, priority, fields})
		}
		return *failing
	}
	return slog.New(&lineHandler{out: w, level: slog.LevelDebug, fields: true}), entries, stderr
}

func TestJournalFields(t *testing.T) {
	var failing error
	log, entries, stderr := logToJournal(&failing)
	log.Warn("one\ntwo", "bytes-to-target", uint64(7), "duration", 1500*time.Millisecond, "client", "\x1b[2J\nx y",
		"error", errors.New("no such file"))
	want := sentEntry{
		`one; two: bytes-to-target=7 duration=1.5s client="\x1b[2J\nx y" error="no such file"`, journal.PriWarning,
		map[string]string{
			"SYSLOG_IDENTIFIER": "proxy", "SYSLOG_FACILITY": "3", "BYTES_TO_TARGET": "7", "DURATION_USEC": "1500000",
			"CLIENT": "\x1b[2J\nx y", "ERROR": "no such file",
		},
	}
	got := (*entries)[0]
	if len(*entries) != 1 || got.message != want.message || got.priority != want.priority || !maps.Equal(got.fields, want.fields) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if stderr.String() != "\n" {
		t.Errorf("to standard error: %q", stderr.String())
	}
}

// TestJournalGone logs while the journal cannot be reached, and when it can again: no
// line is lost, and all go the same way.
func TestJournalGone(t *testing.T) {
	failing := errors.New("no such file or directory")
	log, entries, stderr := logToJournal(&failing)
	log.Info("first", "n", 1)
	failing = nil
	log.Info("second", "n", 2)
	if want := "\n<6>first: n=1\n<6>second: n=2\n"; stderr.String() != want || len(*entries) > 0 {
		t.Errorf("to standard error %q, want %q; to the journal %v", stderr.String(), want, *entries)
	}
}
