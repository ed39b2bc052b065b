package timespan

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Span{
		"20":                     20 * second,
		"5min 20s":               5*minute + 20*second,
		"0":                      0,
		" infinity\t":            Infinity,
		".5":                     500 * millisecond,
		"1.5h":                   90 * minute,
		"1.999999999s":           1_999_999,
		"1.5us":                  1,
		"0.999999999y":           31_557_599_968_437,
		"1h1h":                   2 * hour,
		"1 2 3":                  6 * second,
		"1.2 .3":                 1500 * millisecond,
		"1.2s.3":                 1500 * millisecond,
		"+5":                     5 * second,
		"1s+2":                   3 * second,
		"5 \t\n\rs":              5 * second,
		"\v5":                    5 * second,
		"5 \f6":                  11 * second,
		"\v-0":                   0,
		"000000000000000000005m": 5 * minute,
		"1\u00b5s1\u03bcs":       2,
		"1M1m":                   month + minute,
		"584541y 1y":             584542 * year,
		"9223372036854775807us 9223372036854775807us": Infinity - 1,
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestParseUnits(t *testing.T) {
	for names, want := range map[string]Span{
		"us usec µs μs":             microsecond,
		"ms msec":                   millisecond,
		"s sec second seconds":      second,
		"m min minute minutes":      minute,
		"h hr hour hours":           hour,
		"d day days":                day,
		"w week weeks":              week,
		"M month months":            30*day + 10*hour + 30*minute,
		"y year years":              365*day + 6*hour,
		"\u00b5s \u03bcs us   usec": microsecond,
	} {
		for _, name := range strings.Fields(names) {
			if got, err := Parse("1" + name); err != nil || got != want {
				t.Errorf("Parse(%q) = %d, %v; want %d", "1"+name, got, err, want)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                     `time span "": empty; `,
		" \t":                  `time span " \t": empty; `,
		"5x":                   `time span "5x": unknown unit "x"`,
		"5 secs":               `time span "5 secs": unknown unit "secs"`,
		"5mon":                 `unknown unit "mon"`,
		"5S":                   `unknown unit "S"`,
		"1e3":                  `unknown unit "e"`,
		"0x10":                 `unknown unit "x"`,
		"5\u00a0s":             "unknown unit",
		"5\x00":                `unknown unit "\x00"`,
		"5m m":                 `expected a number at "m"`,
		"\xff":                 `expected a number at "\xff"`,
		"+ 5":                  "expected a number",
		"+.5":                  "expected a number",
		"\v.5":                 "expected a number",
		"5 \v":                 "expected a number",
		"1+2":                  `unexpected "+2" after a number`,
		"1.2.3":                `unexpected ".3" after a number`,
		"5\v":                  `unexpected "\v" after a number`,
		".":                    "no digits after the decimal point",
		"1.s":                  "no digits after the decimal point",
		"1..5s":                "no digits after the decimal point",
		"-5":                   "negative",
		"-0":                   "negative",
		"5s -1":                "negative",
		"\v-1":                 "negative",
		"infinity 1":           `"infinity" must stand alone`,
		"infinitys":            `"infinity" must stand alone`,
		"1 infinity":           `unknown unit "infinity"`,
		"584542y":              "too long",
		"18446744073709s":      "too long",
		"9223372036854775808u": "too long",
		"\v-9223372036854775809 9223372036854775807us":    "negative",
		"9223372036854775807us 9223372036854775807us 1us": "too long",
	} {
		got, err := Parse(text)
		if err == nil || got != 0 {
			t.Errorf("Parse(%q) = %d, %v; want an error", text, got, err)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %v; want …%s…", text, err, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for span, want := range map[Span]time.Duration{
		0:                           0,
		5 * second:                  5 * time.Second,
		math.MaxInt64 / 1000:        math.MaxInt64 / 1000 * time.Microsecond,
		math.MaxInt64/1000 + 1:      math.MaxInt64,
		Infinity:                    math.MaxInt64,
		math.MaxInt64 / microsecond: math.MaxInt64,
	} {
		if got := span.Duration(); got != want {
			t.Errorf("Span(%d).Duration() = %d, want %d", span, got, want)
		}
	}
}

func TestString(t *testing.T) {
	for span, want := range map[Span]string{
		0:                             "0",
		Infinity:                      "infinity",
		1:                             "1us",
		1500:                          "1.500ms",
		59_999_999:                    "59.999999s",
		minute + 1:                    "1min 1us",
		5*minute + 20*second:          "5min 20s",
		90*second + 500*millisecond:   "1min 30.500000s",
		year + month:                  "1y 1month",
		hour + 3600:                   "1h 3.600ms",
		month + 2*week + day + 1*hour: "1month 2w 1d 1h",
		Infinity - 1:                  "584542y 2w 2d 20h 1min 49.551614s",
	} {
		if got := span.String(); got != want {
			t.Errorf("Span(%d).String() = %q, want %q", span, got, want)
		}
	}
}
