package main

import (
	"bytes"
	"strings"
	"testing"
)

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
