package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// original is the program whose command line ours must take: it reads its
// options first and then, as nothing passes it a socket, says so and ends.
const original = "/lib/systemd/systemd-socket-proxyd"

const noSockets = "Didn't get any sockets passed in."

// verdict is what becomes of a command line.
type verdict string

const (
	taken   verdict = "taken"
	answers verdict = "answered with a text"
	refused verdict = "refused"
)

func askOriginal(t *testing.T, args []string) verdict {
	t.Helper()
	cmd := exec.Command(original, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return answers
	case !errors.As(err, &exit):
		t.Fatal(err)
	case strings.Contains(string(output), noSockets):
		return taken
	}
	return refused
}

func ours(args []string) verdict {
	o, err := parseOptions(args)
	switch {
	case err != nil:
		return refused
	case o.help || o.version:
		return answers
	}
	return taken
}

// differentialLines hold no option of ours alone, and no target that we refuse
// at start where the original fails later.
var differentialLines = lines(
	"", "--", "/x", "/x /y", "-- /x", "/x --", "/x -- /y", "-- -c5", "-- -h", "-- --", "-c5 -- --", "-", "- -c5", "- -",
	"-c5 /x", "-c 5 /x", "-c=5 /x", "-c= /x", "-c", "-c -- /x", "-c -h", "-c5h /x", "-ch /x", "-c5 -c6 /x", "-c5 -c0 /x", "-c0 -c5 /x",
	"--connections-max=5 /x", "--connections-max 5 /x", "--connections-max", "--connections-max=", "--connections-max5 /x",
	"--connections-max=5=5 /x", "--connections-max --help /x", "-connections-max=5 /x", "--conn=5 /x", "--c 5 /x", "--conn", "--C=5 /x",
	"--exit-idle-time=5 /x", "--exit-idle-time 5 /x", "--exit-idle-time= /x", "--exit-idle-time=soon /x", "--e=5 /x", "-e5 /x",
	"/x -c5", "/x -c 5", "/x --conn 5 --e 5", "-c5 /x --e=1", "-c 5 /x /y",
	"-h", "--help", "--he", "--h", "--help=3", "--help=", "--help=yes", "--h=1", "-h=3", "-h=", "-hc5", "-hc", "-hx", "-xh", "-help", "--Help",
	"--version", "--v", "--version=1", "--versions", "-version /x", "-v /x", "-V /x",
	"-h -c0", "-c0 -h", "-h --bogus", "--bogus -h", "/x /y -h", "/x -h", "--version -h", "-c5 -h", "-c -c -h",
	"--bogus /x", "--=5 /x", "--= /x", "--- /x", "---h", "-x /x", "-t /x", "-test.v /x", "-test.timeout=3 /x", "-test. -h", "-h -test.v", "-c -test.v /x",
	"-é /x", "--é /x", "-W help /x", "-1 /x", "-: /x", "-? /x", "-= /x", "-=c5 /x",
)

func lines(texts ...string) [][]string {
	var lines [][]string
	for _, text := range texts {
		lines = append(lines, args(text))
	}
	return lines
}

var differentialNumbers = []string{
	"0", "1", "5", "00", "05", "08", "010", "0x10", "0X1f", "0x", "0xg", "0x_1", "0b1", "0B1", "0b", "0b2", "0o7", "0O7", "0o8", "0o", "0o07", "00o7",
	"0b0b1", "0o0o7", "0x0x1", "0b 1", "0b+1", "0b\v1", "0b-1", "0b-0", "0x 1", "0x+1", "+0b1", "+0o7", "+0x10", "+05", " 0b1", "\v0b1", "\f0o7", "\v0x10", "0o\v+7",
	"", " ", " 5", "\t5", "\n5", "\r5", "\v5", "\f5", " \v5", "\v 5", "5 ", "5\n", "5\v", "+5", " +5", "+ 5", "++5", "+-5", "-5", " -5", "\v-5", "-0", "+", "-",
	"4294967295", "4294967296", "18446744073709551615", "18446744073709551616", "18446744073709551617", "-18446744073709551615", "0xffffffff", "0x100000000",
	"037777777777", "040000000000", "0b" + strings.Repeat("1", 32), "0b" + strings.Repeat("1", 33), "0b" + strings.Repeat("0", 99) + "1",
	"1e3", "1_000", "5k", "1.5", "1.", "٣", "5\u00a0", "\u00a05", "\xff", strings.Repeat("0", 5000) + "5", strings.Repeat("9", 5000),
}

// Pieces of random command lines, most of them fit, so that many lines are taken. None
// has a space: behind "--" it would be a target, which we refuse at start.
var (
	somePieces = []string{
		"-c5", "-c", "5", "--connections-max=7", "--conn", "--con=0x7", "--exit-idle-time=1min", "--e", "20", "--exit=1h5s",
		"-h", "--version", "--", "-", "-hc", "-ch", "--help=1", "-test.v", "-c=1", "--bogus", "--x=1", "-q", "---", "--c=", "--=1",
	}
	someNumberPieces = strings.Fields("0 0 1 7 8 9 5 0x 0X 0b 0B 0o 0O a f + - _ . 4294967295 18446744073709551615")
	someSpace        = []string{" ", "\t", "\n", "\r", "\v", "\f"}
)

// randomLines makes n command lines from a seed.
func randomLines(seed uint64, n int) [][]string {
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func(pieces []string) string { return pieces[random.IntN(len(pieces))] }
	number := func() string {
		var text strings.Builder
		for range 1 + random.IntN(3) {
			if random.IntN(4) == 0 {
				text.WriteString(pick(someSpace))
			}
			text.WriteString(pick(someNumberPieces))
		}
		return text.String()
	}
	var lines [][]string
	for range n {
		line := []string{}
		if random.IntN(2) == 0 {
			line = append(line, "-c", number())
		} else {
			for range 1 + random.IntN(3) {
				line = append(line, pick(somePieces))
			}
		}
		if random.IntN(8) > 0 {
			line = slices.Insert(line, random.IntN(len(line)+1), "/x")
		}
		lines = append(lines, line)
	}
	return lines
}

// wrapsAround reports whether a line holds what the original takes by an accident
// of strtoul(3), and we refuse on purpose: a number below 0 with white space
// before it that only strtoul skips, which comes out positive.
func wrapsAround(line []string) bool {
	return slices.ContainsFunc(line, func(arg string) bool {
		return strings.ContainsAny(arg, "\v\f") && strings.Contains(arg, "-18446744073709551615")
	})
}

func TestParseOptionsAsOriginal(t *testing.T) {
	if _, err := os.Stat(original); err != nil {
		t.Skip("systemd-socket-proxyd is not installed")
	}
	seed := rand.Uint64()
	if text, set := os.LookupEnv("OPTIONS_SEED"); set {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("OPTIONS_SEED: %v", err)
		}
	}
	t.Logf("repeat with OPTIONS_SEED=%d", seed)
	all := slices.Concat(differentialLines, randomLines(seed, 400))
	for _, number := range differentialNumbers {
		all = append(all, []string{"-c", number, "/x"})
	}
	counts := make(map[verdict]int)
	for _, line := range all {
		want := askOriginal(t, line)
		counts[want]++
		if got := ours(line); got != want && !wrapsAround(line) {
			t.Errorf("%q is %s, by the original %s", line, got, want)
		}
	}
	t.Logf("the original's verdicts: %v", counts)
}
