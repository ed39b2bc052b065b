package logging

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// unsafeTexts are what a terminal or a reader of lines could be fooled with.
var unsafeTexts = []string{
	"\n", "\r", "\x00", "\x1b[2J\x1b]0;title\a", "\b\b\bover", "\x7f", "\u009b31m", // C0, DEL, C1 with CSI
	"\u0085", "\u2028", "\u2029", "\v", "\f", // what other programs take for the end of a line
	"\u202egpj.exe", "\u2066x\u2069", "\u200b", "\ufeff", // direction and width
	"\xff\xfe", "\xed\xa0\x80", "\xc0\x8a", "a\xe2\x80", // not UTF-8: a surrogate, an overlong line feed, cut short
	"\nP<0>forged: key=value", `" forged="value`, "a b", "a=b", `\n`, "",
	strings.Repeat("x", 1<<12), strings.Repeat("\x1b", 1<<10),
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) })
}

// FuzzLogLine logs a text that is not ours as a value, in an error and in a list. A
// record is one line, all of which is printable, and the text can be read back from
// it: nothing can pass for another record, another key, or a command to a terminal.
func FuzzLogLine(f *testing.F) {
	for _, text := range unsafeTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		log, out := logTo("debug", true)
		log = log.With("with", text)
		log.Info("message", "value", text, "error", errors.New(text), slog.Any("any", []string{text}), "last", 1)
		line, isLine := strings.CutSuffix(out.String(), "\n")
		if !isLine || !printable(line) {
			t.Fatalf("%q is logged as %q, which is not one printable line", text, out.String())
		}
		rest, prefixed := strings.CutPrefix(line, "<6>message: ")
		if !prefixed {
			t.Fatalf("%q is logged as %q", text, line)
		}
		for _, want := range []struct{ key, value string }{{"with", text}, {"value", text}, {"error", text}, {"any", "[" + text + "]"}, {"last", "1"}} {
			var key, value string
			key, value, rest = nextAttribute(t, rest)
			if key != want.key || value != want.value {
				t.Fatalf("%q is logged as %q: %s is read back as %s %q", text, line, want.key, key, value)
			}
		}
		if rest != "" {
			t.Errorf("%q is logged as %q, with %q at the end", text, line, rest)
		}
	})
}

// nextAttribute takes key=value or key="value" from a line, as a reader would.
func nextAttribute(t *testing.T, line string) (key, value, rest string) {
	t.Helper()
	key, rest, _ = strings.Cut(line, "=")
	if !strings.HasPrefix(rest, `"`) {
		value, rest, _ = strings.Cut(rest, " ")
		return key, value, rest
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		t.Fatalf("%q: %v", rest, err)
	}
	if value, err = strconv.Unquote(quoted); err != nil {
		t.Fatalf("%q: %v", quoted, err)
	}
	return key, value, strings.TrimPrefix(rest[len(quoted):], " ")
}

// TestLogMessageIsOneLine covers the messages that end the program: they quote
// options, which are several lines only if the administrator has made them so.
func TestLogMessageIsOneLine(t *testing.T) {
	for _, text := range unsafeTexts {
		log, out := logTo("", false)
		log.Error("program: " + text)
		line, isLine := strings.CutSuffix(out.String(), "\n")
		if !isLine || !printable(line) {
			t.Errorf("%.40q is logged as %.80q, which is not one printable line", text, out.String())
		}
	}
}
