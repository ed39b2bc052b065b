package logging

import (
	"log/slog"
	"slices"
	"testing"
)

// variables stand for the environment.
type variables map[string]string

func (v variables) get(name string) string { return v[name] }

func TestLogWishes(t *testing.T) {
	for _, test := range []struct {
		env              variables
		console, journal slog.Level
		unknown          []string
	}{
		{nil, slog.LevelInfo, slog.LevelInfo, nil},
		{variables{"DEBUG_INVOCATION": "1"}, slog.LevelDebug, slog.LevelDebug, nil},
		{variables{"DEBUG_INVOCATION": "Yes"}, slog.LevelDebug, slog.LevelDebug, nil},
		{variables{"DEBUG_INVOCATION": "0"}, slog.LevelInfo, slog.LevelInfo, nil},
		{variables{"DEBUG_INVOCATION": "maybe"}, slog.LevelInfo, slog.LevelInfo, nil},
		{variables{"DEBUG_INVOCATION": "1", "SYSTEMD_LOG_LEVEL": "info"}, slog.LevelInfo, slog.LevelInfo, nil},
		{variables{"DEBUG_INVOCATION": "1", "SYSTEMD_LOG_LEVEL": "loud"}, slog.LevelDebug, slog.LevelDebug, []string{"loud"}},
		{variables{"SYSTEMD_LOG_LEVEL": "debug,console:info"}, slog.LevelInfo, slog.LevelDebug, nil},
		{variables{"SYSTEMD_LOG_LEVEL": "journal:err,debug"}, slog.LevelDebug, slog.LevelError, nil},
		{variables{"SYSTEMD_LOG_LEVEL": "console:debug"}, slog.LevelInfo, slog.LevelInfo, nil}, // a bound
		{variables{"SYSTEMD_LOG_LEVEL": "notice,kmsg:debug,syslog:7"}, LevelNotice, LevelNotice, nil},
		{variables{"SYSTEMD_LOG_LEVEL": "debug,paper:info,journal:x"}, slog.LevelDebug, slog.LevelDebug, []string{"paper:info", "journal:x"}},
		{variables{"SYSTEMD_LOG_TARGET": "null", "SYSTEMD_LOG_LEVEL": "debug"}, levelNothing, levelNothing, nil},
		{variables{"SYSTEMD_LOG_TARGET": "journal-or-kmsg", "SYSTEMD_LOG_LEVEL": "null"}, levelNothing, levelNothing, nil},
	} {
		w := ReadWishes(test.env.get)
		if console, journal := w.levelFor("console"), w.levelFor("journal"); console != test.console || journal != test.journal {
			t.Errorf("%v: levels %v and %v, want %v and %v", test.env, console, journal, test.console, test.journal)
		}
		if !slices.Equal(w.unknown, test.unknown) {
			t.Errorf("%v: %q is named, want %q", test.env, w.unknown, test.unknown)
		}
	}
}
