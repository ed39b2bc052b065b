package report

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTroubleIsThrottled floods the log with one kind of trouble, while another kind
// goes through.
func TestTroubleIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := New(slog.New(slog.NewTextHandler(&log, nil)), nil)
		const flood = 1000
		for i := range flood {
			r.report(troubleRefused, func() []any { return []any{"number", i} })
		}
		r.report(troubleAccept, func() []any { return nil })
		time.Sleep(throttleTime + time.Second)
		synctest.Wait()
		r.report(troubleRefused, func() []any { return []any{"number", "late"} })
		r.reportLeftOut(troubleRefused)

		text := log.String()
		if n := strings.Count(text, "\n"); n != throttleLines+3 {
			t.Errorf("%d lines, want %d:\n%s", n, throttleLines+3, text)
		}
		for _, want := range []string{"number=4\n", "cannot accept a connection", "repeated\" times=995", "number=late"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in:\n%s", want, text)
			}
		}
	})
}
