package timespan

import (
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// verdict is what systemd-analyze timespan makes of one text.
type verdict struct {
	accepted bool
	span     Span
	human    string
}

// The labels are translated by locale; LC_ALL pins them.
var verdictLines = regexp.MustCompile(`(?m)^ +μs: (\d+)\n +Human: (.*)$`)

// askSystemd returns one verdict per text. systemd-analyze takes many texts at
// once but stops at the first it refuses, so each refusal costs a new run. The
// texts must not imitate its output.
func askSystemd(t *testing.T, tool string, texts []string) []verdict {
	t.Helper()
	var verdicts []verdict
	for len(verdicts) < len(texts) {
		rest := texts[len(verdicts):]
		cmd := exec.Command(tool, append([]string{"timespan", "--"}, rest...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		output, err := cmd.Output()
		answers := verdictLines.FindAllStringSubmatch(string(output), -1)
		for _, answer := range answers {
			span, err := strconv.ParseUint(answer[1], 10, 64)
			if err != nil {
				t.Fatalf("%s printed %q: %v", tool, answer[0], err)
			}
			verdicts = append(verdicts, verdict{true, Span(span), answer[2]})
		}
		switch {
		case err != nil && len(answers) < len(rest):
			verdicts = append(verdicts, verdict{})
		case err != nil || len(answers) != len(rest):
			t.Fatalf("%s: %d answers to %d texts: %v", tool, len(answers), len(rest), err)
		}
	}
	return verdicts
}

// compare reports where Parse and String differ from the verdict on text.
func compare(t *testing.T, text string, want verdict) {
	t.Helper()
	got, err := Parse(text)
	switch {
	case (err == nil) != want.accepted:
		t.Errorf("Parse(%q) = %d, %v; systemd-analyze accepts it: %v", text, got, err, want.accepted)
	case got != want.span:
		t.Errorf("Parse(%q) = %d; systemd-analyze says %d", text, got, want.span)
	case want.accepted && got.String() != want.human:
		t.Errorf("Span(%d) prints as %q; systemd-analyze prints %q", got, got, want.human)
	}
}

var oddTexts = []string{
	"20", "5min 20s", "infinity", " infinity\t", "infinity\v", "infinityx", "Infinity", "infinity 1", "1 infinity",
	"", " ", "\v", "0", "0s", "00", "-0", "+0", "+5", "-5", "+-5", "-+5", "++5", "+ 5", "5+", "5s +", "5s -0",
	".5", "+.5", "\v.5", ".", "1.", ". 5", ".s", "1.s", "1..5s", "1.2.3", "1.2 .3", "1.2s.3", "1.5 .", "1 . 5",
	"1.5h", "1.999999999s", "9.9us", "1.5us", "1.9ms", "0.999999999y", "0.123456789M", "0.1w", "5.5M",
	"1h1h", "1 2 3", "1 2s3", "1h 1h1m", "1s+2", "1+2", "1s-2", "1s +2", "1s,2s", "5m m", "5mm", "1M1m", "1m1M",
	"1e3", "0x10", "010", "1_000", "1'000", "1 000", "5secs", "5mins", "5mon", "5yr", "5hrs", "5ns", "5S", "5 Min",
	"\v5", "\f5", "\v\n5", "\n\v5", "\v-0", "\v-5", "\v+5", "5 \v6", "5\v6", "5s\v6", "5s\v-0", "5\v", "5 \v", "5s\v", "5\vs",
	"5 \t\n\rs", "\u00a05", "5\u00a0s", "5\u2003s", "\xff", "5\xc2s", "5\xb5s", "5\u00b5s", "5\u03bcs", "5µ s", "٣s",
	"584541y", "584542y", "584541y 1y", "584542y 1us", "584541.99y", "584541.999999999999y", "7014504M", "7014503M",
	"9223372036854775807us", "9223372036854775808us", "18446744073709551614us", "18446744073709551615us",
	"9223372036854775807us 9223372036854775807us", "9223372036854775807us 9223372036854775807us 1us",
	"9223372036854775807.9us", "18446744073708s", "18446744073709s", "18446744073708.551615s", "18446744073708.9s 0.9s",
	"18446744073708s 1551614us", "18446744073708s 1551615us", "\v-9223372036854775808", "\v-9223372036854775809",
	strings.Repeat("0", 5000) + "5", strings.Repeat("9", 5000), "0." + strings.Repeat("9", 5000), "1." + strings.Repeat("0", 5000) + "h",
}

// What random texts are put together from: mostly well-formed pieces, so that
// many texts are accepted.
var (
	someNumbers = strings.Fields("0 1 7 12 999999 584541 18446744073708 9223372036854775807 .5 1.000001 3.999999999999")
	someUnits   = append(slices.Sorted(maps.Keys(unitByName)), "", "", "", "", "", "", "", "")
	someNoise   = []string{" ", "\t", "\n", "\r", "\v", "\f", "+", "-", ".", "x", "e", "0", ".5", "s", "infinity"}
)

func randomText(random *rand.Rand) string {
	pick := func(pieces []string) string { return pieces[random.IntN(len(pieces))] }
	var text strings.Builder
	for range 1 + random.IntN(4) {
		text.WriteString(pick(someNumbers))
		text.WriteString(pick(someUnits))
		if random.IntN(3) == 0 {
			text.WriteString(pick(someNoise))
		}
	}
	return text.String()
}

// seed returns TIMESPAN_SEED, which repeats an earlier run, or a new seed.
func seed(t *testing.T) uint64 {
	t.Helper()
	text, set := os.LookupEnv("TIMESPAN_SEED")
	if !set {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("TIMESPAN_SEED: %v", err)
	}
	return seed
}

func TestParseAsSystemd(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	seed := seed(t)
	t.Logf("repeat with TIMESPAN_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	texts := slices.Clone(oddTexts)
	for range 300 {
		texts = append(texts, randomText(random))
	}
	accepted := 0
	for i, want := range askSystemd(t, tool, texts) {
		compare(t, texts[i], want)
		if want.accepted {
			accepted++
		}
	}
	t.Logf("systemd-analyze accepts %d of %d texts", accepted, len(texts))
}

// FuzzParse checks what must hold for any text. With TIMESPAN_ORACLE=1 it
// asks systemd-analyze about each as well, which is slow.
func FuzzParse(f *testing.F) {
	for _, text := range oddTexts {
		f.Add(text)
	}
	tool := ""
	if os.Getenv("TIMESPAN_ORACLE") == "1" {
		var err error
		if tool, err = exec.LookPath("systemd-analyze"); err != nil {
			f.Skip("TIMESPAN_ORACLE=1 but systemd-analyze is not installed")
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		span, err := Parse(text)
		if err != nil && (span != 0 || !strings.Contains(err.Error(), strconv.Quote(text))) {
			t.Errorf("Parse(%q) = %d, %v; want 0 and an error that quotes the text", text, span, err)
		}
		if err == nil && (span < 584542*year || span == Infinity) {
			if again, err := Parse(span.String()); again != span || err != nil {
				t.Errorf("Parse(%q) = %d, but its text %q gives %d, %v", text, span, span, again, err)
			}
		}
		// No argument holds a NUL, and a colon might imitate the tool's output.
		if tool != "" && !strings.ContainsAny(text, "\x00:") {
			compare(t, text, askSystemd(t, tool, []string{text})[0])
		}
	})
}
