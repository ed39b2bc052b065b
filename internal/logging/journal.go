package logging

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// journalWriter sends records to the journal by its native protocol, so that their
// attributes become fields that can be searched. If its socket cannot be reached, it
// writes lines to standard error from then on, which leads to the journal too. It never
// mixes the two, because the journal would put their records in any order.
type journalWriter struct {
	lines      *lineWriter
	send       func(message string, priority journal.Priority, fields map[string]string) error
	identifier string
	introduced bool
	byLines    bool
}

func newJournalWriter(lines *lineWriter) *journalWriter {
	return &journalWriter{lines: lines, send: journal.Send, identifier: filepath.Base(os.Args[0])}
}

// daemonFacility is LOG_DAEMON of syslog(3), which lines on standard error get too.
const daemonFacility = "3"

func (w *journalWriter) writeRecord(r record) {
	if !w.introduced {
		w.introduced = true
		w.introduce()
	}
	if !w.byLines {
		fields := map[string]string{"SYSLOG_IDENTIFIER": w.identifier, "SYSLOG_FACILITY": daemonFacility}
		for _, f := range r.fields {
			fields[f.name] = f.value
		}
		w.byLines = w.send(r.text, journal.Priority(r.priority), fields) != nil
	}
	if w.byLines {
		w.lines.writeRecord(r)
	}
}

// introduce writes an empty line to standard error. The journal makes no entry of it,
// but notes which unit the process belongs to, and remembers that while standard error
// is open. For a datagram it looks that up in /proc when it reads it, and would find no
// unit for a process that has ended by then.
// (stdout_stream_log and client_context_acquire in systemd's src/journal.)
func (w *journalWriter) introduce() { _, _ = io.WriteString(w.lines.out, "\n") }

// newField returns an attribute as the journal has it: a name in capitals, and the value
// unquoted. A time is in microseconds, as usual in systemd.
func newField(key string, value slog.Value) field {
	name := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(key))
	if value.Kind() == slog.KindDuration {
		return field{name + "_USEC", strconv.FormatInt(value.Duration().Microseconds(), 10)}
	}
	return field{name, value.String()}
}
