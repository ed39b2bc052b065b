// Package logging is the program's log: one line for each record, on standard error or in
// the journal, with the levels that systemd's own programs have. It waits for no reader.
package logging

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/coreos/go-systemd/v22/journal"
)

// NewQueued returns a logger that writes one line for each record to out, standard error,
// whatever the record contains: "message: key=value ...", with the <N> priority prefix of
// sd-daemon(3) if that leads to the journal. It writes through a queue, so that logging
// never waits. If standard error leads to the journal, records go there with their
// fields, unless $SYSTEMD_LOG_TARGET asks for lines.
//
// The last logger is for the error that ends the program: it always writes a line to
// standard error. The journal looks up the unit of a datagram in /proc when it reads it,
// and finds none for a process that has ended by then.
func NewQueued(out io.Writer, wishes Wishes) (log, last *slog.Logger, queue *Queue) {
	lines := newLineWriter(out)
	var writer recordWriter = lines
	native := lines.priorities && !wishes.console
	level := wishes.levelFor("console")
	if native {
		writer = newJournalWriter(lines)
		level = wishes.levelFor("journal")
	}
	queue = newQueue(writer, lines, func(leftOut uint64) record {
		var gap lastRecord
		slog.New(&lineHandler{out: &gap, level: level, fields: native}).
			Warn("the log was read too slowly, lines were dropped here", "lines", leftOut)
		return record(gap)
	})
	log = slog.New(&lineHandler{out: queue, level: level, fields: native})
	last = slog.New(&lineHandler{out: byLine{queue}, level: level})
	return log, last, queue
}

// record is a log record in the form in which it is written.
type record struct {
	text     string // one line, without its end
	priority int    // as in syslog(3)
	fields   []field
}

// field is an attribute in the journal's form.
type field struct{ name, value string }

// recordWriter takes whole records, one after the other.
type recordWriter interface{ writeRecord(r record) }

// lastRecord keeps the last record.
type lastRecord record

func (l *lastRecord) writeRecord(r record) { *l = lastRecord(r) }

// lineWriter writes records as lines.
type lineWriter struct {
	mu         sync.Mutex
	out        io.Writer
	priorities bool
}

func newLineWriter(out io.Writer) *lineWriter {
	toJournal, err := journal.StderrIsJournalStream()
	return &lineWriter{out: out, priorities: toJournal && err == nil}
}

func (w *lineWriter) writeRecord(r record) {
	var line bytes.Buffer
	if w.priorities {
		fmt.Fprintf(&line, "<%d>", r.priority)
	}
	line.WriteString(r.text)
	line.WriteByte('\n')
	w.mu.Lock()
	defer w.mu.Unlock()
	// An error cannot be reported: this is the log.
	_, _ = w.out.Write(line.Bytes())
}

// LevelNotice is syslog's level between info and warning.
const LevelNotice = slog.LevelInfo + 2

// priority returns the syslog priority of a level.
func priority(level slog.Level) int {
	switch {
	case level >= slog.LevelError:
		return 3
	case level >= slog.LevelWarn:
		return 4
	case level >= LevelNotice:
		return 5
	case level >= slog.LevelInfo:
		return 6
	}
	return 7
}

// lineHandler is a slog.Handler. systemd adds time, unit and process to what a
// service writes, so a line has none of them.
type lineHandler struct {
	out    recordWriter
	level  slog.Level
	fields bool // whether records need fields
	attrs  []slog.Attr
}

func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	var text strings.Builder
	var fields []field
	text.WriteString(escaped(strings.Join(strings.FieldsFunc(r.Message, isLineBreak), "; ")))
	separator := ": "
	write := func(a slog.Attr) bool {
		if !a.Equal(slog.Attr{}) {
			value := a.Value.Resolve()
			text.WriteString(separator + a.Key + "=" + quoteValue(value.String()))
			separator = " "
			if h.fields {
				fields = append(fields, newField(a.Key, value))
			}
		}
		return true
	}
	for _, a := range h.attrs {
		write(a)
	}
	r.Attrs(write)
	h.out.writeRecord(record{text.String(), priority(r.Level), fields})
	return nil
}

func isLineBreak(r rune) bool { return r == '\n' || r == '\r' }

// escaped escapes unprintable characters, as quoteValue does, and leaves quotes alone.
func escaped(s string) string {
	var out strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if strconv.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			out.WriteString(s[:size])
		} else {
			quoted := strconv.Quote(s[:size])
			out.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return out.String()
}

// quoteValue keeps a value on one line and in one piece.
func quoteValue(s string) string {
	if s == "" || strings.ContainsAny(s, " =\"") || strconv.Quote(s) != `"`+s+`"` {
		return strconv.Quote(s)
	}
	return s
}

func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(with.attrs[:len(with.attrs):len(with.attrs)], attrs...)
	return &with
}

// WithGroup does nothing: groups are not used here.
func (h *lineHandler) WithGroup(string) slog.Handler { return h }
