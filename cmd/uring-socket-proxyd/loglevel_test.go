package main

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"uring-socket-proxyd/internal/forward"
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
		{variables{"SYSTEMD_LOG_LEVEL": "notice,kmsg:debug,syslog:7"}, forward.LevelNotice, forward.LevelNotice, nil},
		{variables{"SYSTEMD_LOG_LEVEL": "debug,paper:info,journal:x"}, slog.LevelDebug, slog.LevelDebug, []string{"paper:info", "journal:x"}},
		{variables{"SYSTEMD_LOG_TARGET": "null", "SYSTEMD_LOG_LEVEL": "debug"}, levelNothing, levelNothing, nil},
		{variables{"SYSTEMD_LOG_TARGET": "journal-or-kmsg", "SYSTEMD_LOG_LEVEL": "null"}, levelNothing, levelNothing, nil},
	} {
		w := readLogWishes(test.env.get)
		if console, journal := w.levelFor("console"), w.levelFor("journal"); console != test.console || journal != test.journal {
			t.Errorf("%v: levels %v and %v, want %v and %v", test.env, console, journal, test.console, test.journal)
		}
		if !slices.Equal(w.unknown, test.unknown) {
			t.Errorf("%v: %q is named, want %q", test.env, w.unknown, test.unknown)
		}
	}
}

// The whole program names a level that there is not, in one line, and goes by the rest.
func TestUnknownLogLevelIsNamed(t *testing.T) {
	for level, want := range map[string]int{"loud": 1, "debug": 0, "": 0} {
		t.Setenv("SYSTEMD_LOG_LEVEL", level)
		var out, log bytes.Buffer
		if status := run([]string{"--version"}, &out, &log); status != 0 {
			t.Fatalf("exit status %d", status)
		}
		if n := strings.Count(log.String(), "value="+level); n != want || strings.Count(log.String(), "\n") != want {
			t.Errorf("SYSTEMD_LOG_LEVEL=%q leads to %q", level, log.String())
		}
	}
}

func TestNoLog(t *testing.T) {
	t.Setenv("SYSTEMD_LOG_TARGET", "null")
	var out, log bytes.Buffer
	if status := run([]string{"--no-such-option"}, &out, &log); status == 0 || log.Len() > 0 {
		t.Errorf("exit status %d, and it logs %q", status, log.String())
	}
}
