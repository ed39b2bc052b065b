package logging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// newUnqueued is NewQueued without the queue, and without the journal.
func newUnqueued(out io.Writer, level slog.Level) *slog.Logger {
	return slog.New(&lineHandler{out: newLineWriter(out), level: level})
}

// logTo returns a logger as newUnqueued makes it, and where it writes.
func logTo(level string, priorities bool) (*slog.Logger, *bytes.Buffer) {
	out := new(bytes.Buffer)
	log := newUnqueued(out, ReadWishes(variables{"SYSTEMD_LOG_LEVEL": level}.get).levelFor("console"))
	log.Handler().(*lineHandler).out.(*lineWriter).priorities = priorities
	return log, out
}

type lazyValue struct{}

func (lazyValue) LogValue() slog.Value { return slog.StringValue("worked out") }

func TestLogLine(t *testing.T) {
	for _, test := range []struct {
		message string
		attrs   []any
		want    string
	}{
		{"plain", nil, "plain"},
		{"one", []any{"n", 5}, "one: n=5"},
		{"two", []any{"n", 5, "on", true}, "two: n=5 on=true"},
		{"time", []any{"pause", 100 * time.Millisecond}, "time: pause=100ms"},
		{"error", []any{"error", errors.New("no such file")}, `error: error="no such file"`},
		{"nothing", []any{"error", nil}, "nothing: error=<nil>"},
		{"empty", []any{"listener", ""}, `empty: listener=""`},
		{"address", []any{"listener", "[::1]:80", "path", "/run/x", "name", "@x"}, "address: listener=[::1]:80 path=/run/x name=@x"},
		{"quotes", []any{"v", `say "x"`, "w", "a=b", "x", `a\b`, "y", "é", "z", "\xff"}, `quotes: v="say \"x\"" w="a=b" x="a\\b" y=é z="\xff"`},
		{"breaks", []any{"v", "a\nb", "w", "\x1b[1m", "x", "\u2028"}, `breaks: v="a\nb" w="\x1b[1m" x="\u2028"`},
		{"lazy", []any{"v", lazyValue{}}, `lazy: v="worked out"`},
		{"zero", []any{slog.Attr{}, slog.Int("n", 1)}, "zero: n=1"},
		{errors.Join(errors.New("first"), errors.New("second")).Error() + "\n", nil, "first; second"},
	} {
		log, out := logTo("", false)
		log.Info(test.message, test.attrs...)
		if out.String() != test.want+"\n" {
			t.Errorf("%q %v is written as %q, want %q", test.message, test.attrs, out.String(), test.want+"\n")
		}
	}
}

func TestLogWith(t *testing.T) {
	log, out := logTo("", false)
	base := log.With("a", 1)
	left, right := base.With("b", 2), base.WithGroup("ignored").With("c", 3)
	left.Info("left", "x", 9)
	right.Info("right", "x", 9)
	base.Info("base")
	if want := "left: a=1 b=2 x=9\nright: a=1 c=3 x=9\nbase: a=1\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestLogPriority(t *testing.T) {
	log, out := logTo("debug", true)
	log.Debug("d")
	log.Info("i")
	log.Log(t.Context(), LevelNotice, "n")
	log.Warn("w")
	log.Error("e")
	if want := "<7>d\n<6>i\n<5>n\n<4>w\n<3>e\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// newUnqueued writes priorities to the journal only; a buffer is none.
func TestLogWithoutJournal(t *testing.T) {
	t.Setenv("JOURNAL_STREAM", "")
	var out bytes.Buffer
	newUnqueued(&out, slog.LevelInfo).Info("i")
	if out.String() != "i\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestLogLevel(t *testing.T) {
	const all = "debug info warn error"
	shown := map[string]string{
		"debug": all, "7": all,
		"info": all[6:], "6": all[6:], "": all[6:], "bogus": all[6:], "8": all[6:], "-1": all[6:],
		"notice": all[11:], "5": all[11:], "warning": all[11:], "4": all[11:],
		"err": all[16:], "3": all[16:],
		"crit": "", "alert": "", "emerg": "", "2": "", "1": "", "0": "",
	}
	for level, want := range shown {
		log, out := logTo(level, false)
		log.Debug("debug")
		log.Info("info")
		log.Warn("warn")
		log.Error("error")
		if got := strings.Join(strings.Fields(out.String()), " "); got != want {
			t.Errorf("SYSTEMD_LOG_LEVEL=%s shows %q, want %q", level, got, want)
		}
	}
}

// Lines of several goroutines and of derived loggers never mix.
func TestLogConcurrently(t *testing.T) {
	log, out := logTo("", false)
	var group sync.WaitGroup
	for worker := range 8 {
		log := log.With("worker", worker)
		group.Go(func() {
			for i := range 100 {
				log.Info("line", "i", i)
			}
		})
	}
	group.Wait()
	seen := make(map[string]bool)
	for line := range strings.Lines(out.String()) {
		seen[line] = true
	}
	for worker := range 8 {
		for i := range 100 {
			if !seen[fmt.Sprintf("line: worker=%d i=%d\n", worker, i)] {
				t.Fatalf("line %d of worker %d is not there", i, worker)
			}
		}
	}
}
