package main

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"uring-socket-proxyd/internal/proxyprotocol"
	"uring-socket-proxyd/internal/timespan"
)

// args splits at blanks, for command lines that hold none themselves.
func args(line string) []string { return strings.Fields(line) }

func TestBusyPollOption(t *testing.T) {
	for text, want := range map[string]timespan.Span{"50us": 50, "0": 0, "10ms": 10_000, "0.01": 10_000} {
		o, err := parseOptions([]string{"--busy-poll=" + text, "/x"})
		if err != nil || timespan.Span(o.busyPoll) != want {
			t.Errorf("--busy-poll=%s is %v, %v, want %v", text, o, err, want)
		}
	}
	for _, text := range []string{"", "1", "infinity", "11ms", "-1us", "fast"} {
		if _, err := parseOptions([]string{"--busy-poll=" + text, "/x"}); err == nil || !strings.Contains(err.Error(), "--busy-poll=") {
			t.Errorf("--busy-poll=%q: %v", text, err)
		}
	}
}

func TestParseOptions(t *testing.T) {
	const infinity = timespan.Infinity
	const second = 1_000_000
	for _, test := range []struct {
		args   []string
		max    uint32
		idle   timespan.Span
		listen []string
		target string
	}{
		{args("/x"), 256, infinity, nil, "/x"},
		{args("-c5 /x"), 5, infinity, nil, "/x"},
		{args("-c 5 /x"), 5, infinity, nil, "/x"},
		{args("--connections-max=5 /x"), 5, infinity, nil, "/x"},
		{args("--connections-max 5 /x"), 5, infinity, nil, "/x"},
		{args("--conn=5 /x"), 5, infinity, nil, "/x"},
		{args("--c 5 /x"), 5, infinity, nil, "/x"},
		{args("-c5 -c6 /x"), 6, infinity, nil, "/x"},
		{args("--exit-idle-time=20 /x"), 256, 20 * second, nil, "/x"},
		{args("--exit-idle-time 20s /x"), 256, 20 * second, nil, "/x"},
		{args("--e=0 /x"), 256, 0, nil, "/x"},
		{[]string{"--exit-idle-time=5min 20s", "/x"}, 256, 320 * second, nil, "/x"},
		{args("--exit-idle-time=5 --exit-idle-time=infinity /x"), 256, infinity, nil, "/x"},
		{args("--listen=80 --listen @a,b --li=/c /x"), 256, infinity, []string{"80", "@a,b", "/c"}, "/x"},

		{args("/x -c5 --exit-idle-time=1"), 5, second, nil, "/x"},
		{args("-c5 /x --exit-idle-time=1"), 5, second, nil, "/x"},
		{args("-c5 -- /x"), 5, infinity, nil, "/x"},
		{args("/x --"), 256, infinity, nil, "/x"},
		{args("-- -c5"), 256, infinity, nil, "-c5"},
		{args("-- -test.v"), 256, infinity, nil, "-test.v"},
		{args("-- --"), 256, infinity, nil, "--"},
		{args("- -c5"), 5, infinity, nil, "-"},
		{args("--listen -- /x"), 256, infinity, []string{"--"}, "/x"},
		{args("--listen -c=5 -c5 /x"), 5, infinity, []string{"-c=5"}, "/x"},
		{args("--listen -test.v /x"), 256, infinity, []string{"-test.v"}, "/x"},
		{args("[::1]:80"), 256, infinity, nil, "[::1]:80"},
	} {
		o, err := parseOptions(test.args)
		if err != nil {
			t.Errorf("parseOptions(%q): %v", test.args, err)
			continue
		}
		if o.help || o.version || uint32(o.connectionsMax) != test.max || timespan.Span(o.exitIdleTime) != test.idle ||
			!slices.Equal(o.listen, test.listen) || o.targets.rest.String() != test.target {
			t.Errorf("parseOptions(%q) = %+v, want %+v", test.args, *o, test)
		}
	}
}

// TestShortForms has the short forms that are unique among the original's options, which
// others of ours begin like.
func TestShortForms(t *testing.T) {
	for _, line := range []string{"--p=v1 /x", "--p v1 /x", "--pr=v1 /x", "--pro v1 /x", "--prox=v1 /x", "/x --p=v1"} {
		if o, err := parseOptions(args(line)); err != nil || o.proxyProtocol != proxyVersion(proxyprotocol.V1) {
			t.Errorf("%s: %+v, %v", line, o, err)
		}
	}
	for line, short := range map[string]string{"--prob": "--probe", "--po=1M /x": "--pool-size", "--pa /x": "--pass-fds"} {
		o, err := parseOptions(args(line))
		if err != nil || o.probe == "" && o.poolSize.bytes != 1<<20 && !bool(o.passFDs) {
			t.Errorf("%s for %s: %+v, %v", line, short, o, err)
		}
	}
}

func TestParseOptionsAnswers(t *testing.T) {
	for line, version := range map[string]bool{
		"-h": false, "--help": false, "--he": false, "--h": false, "--version": true, "--v": true,
		"-hc5": false, "-hc": false, "-hx": false, "-h=3": false, "-h=": false,
		"/x -h": false, "/x /y -h": false, "-c5 -h": false, "--listen=80 --version": true,
		"-h -c0": false, "-h --bogus": false, "-h -test.v": false, "-h --version": false, "--version -h": true,
	} {
		o, err := parseOptions(args(line))
		if err != nil || o.version != version || o.help == version {
			t.Errorf("parseOptions(%q) = %+v, %v; want help %v, version %v", line, o, err, !version, version)
		}
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	const need = "need a whole number from 1 to 4294967295"
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "no target given; name one as HOST:PORT, /PATH or @NAME"},
		{args("--"), "no target given; name one as HOST:PORT, /PATH or @NAME"},
		{args("/x /y"), `2 targets given ("/x", "/y"), need exactly one`},
		{args("/x -- -c5"), `2 targets given ("/x", "-c5"), need exactly one`},
		{[]string{"", "a\nb"}, `2 targets given ("", "a\nb"), need exactly one`},
		{[]string{""}, `target "": empty; write HOST:PORT, /PATH or @NAME`},
		{args("::1"), `target "::1": an IPv6 address needs brackets; write [::1]:PORT`},

		{args("--bogus /x"), `unknown option "--bogus"; see --help`},
		{args("--bogus=1 /x"), `unknown option "--bogus"; see --help`},
		{args("--connections-max5 /x"), `unknown option "--connections-max5"; see --help`},
		{args("--Help"), `unknown option "--Help"; see --help`},
		{[]string{"--a\nb", "/x"}, `unknown option "--a\nb"; see --help`},
		{args("--é /x"), `unknown option "--é"; see --help`},
		{args("--- /x"), `unknown option "---"; see --help`},
		{args("--=5 /x"), `unknown option "--=5"; see --help`},
		{args("-x /x"), `unknown option "-x"; see --help`},
		{args("-xh"), `unknown option "-xh"; see --help`},
		{args("-é /x"), `unknown option "-é"; see --help`},
		{args("-test.v /x"), `unknown option "-t"; see --help`},
		{args("-help"), ""}, // is -h, see below
		{args("--help=3"), `--help="3": takes no value; leave it out`},
		{args("--help="), `--help="": takes no value; leave it out`},
		{args("--help=yes"), `--help="yes": takes no value; leave it out`},
		{args("--vers=1"), `--version="1": takes no value; leave it out`},

		{args("/x -c"), "option --connections-max needs a value; see --help"},
		{args("/x --conn"), "option --connections-max needs a value; see --help"},
		{args("/x --exit-idle-time"), "option --exit-idle-time needs a value; see --help"},
		{args("-c0 /x"), `--connections-max="0": ` + need},
		{args("-c0 -h"), `--connections-max="0": ` + need},
		{args("-c0 -c5 /x"), `--connections-max="0": ` + need},
		{args("-c=5 /x"), `--connections-max="=5": ` + need},
		{args("-c5h /x"), `--connections-max="5h": ` + need},
		{args("-c -h"), `--connections-max="-h": ` + need},
		{args("-c -- /x"), `--connections-max="--": ` + need},
		{args("-c -test.v /x"), `--connections-max="-test.v": ` + need},
		{args("-connections-max=5 /x"), `--connections-max="onnections-max=5": ` + need},
		{args("--conn= /x"), `--connections-max="": ` + need},
		{[]string{"-c", "a\nb", "/x"}, `--connections-max="a\nb": ` + need},
		{args("--exit-idle-time=soon /x"), `--exit-idle-time="soon": time span "soon": expected a number at "soon"`},
	} {
		_, err := parseOptions(test.args)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("parseOptions(%q): %v", test.args, err)
		case test.want != "" && (err == nil || err.Error() != test.want):
			t.Errorf("parseOptions(%q):\n got %v\nwant %v", test.args, err, test.want)
		}
	}
}

// Not with the program's own options: they change.
func TestAmbiguousPrefix(t *testing.T) {
	parse := func(arg string) (string, error) {
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		for _, name := range []string{"buffer", "buffer-size", "busy-poll"} {
			flags.String(name, "", "")
		}
		flags.SetNormalizeFunc(expandPrefix(flags))
		var set []string
		err := flags.ParseAll([]string{arg}, func(f *pflag.Flag, _ string) error {
			set = append(set, f.Name)
			return nil
		})
		if err != nil {
			err = explain(err, flags)
		}
		return strings.Join(set, " "), err
	}
	for arg, want := range map[string]string{
		"--buffer=1": "buffer", "--buffer-=1": "buffer-size", "--bus=1": "busy-poll",
		"--bu=1": "", "--buf=1": "", "--buffers=1": "",
	} {
		if got, err := parse(arg); got != want || (err == nil) != (want != "") {
			t.Errorf("%s sets %q, %v; want %q", arg, got, err, want)
		}
	}
	const want = `option "--buf" may be --buffer or --buffer-size; write it out`
	if _, err := parse("--buf=1"); err == nil || err.Error() != want {
		t.Errorf("--buf=1:\n got %v\nwant %v", err, want)
	}
}

func TestParseUint32(t *testing.T) {
	for text, want := range map[string]uint32{
		"0": 0, "00": 0, "+0": 0, "0x0": 0, "5": 5, "+5": 5, "256": 256, "4294967295": math.MaxUint32,
		"05": 5, "010": 8, "037777777777": math.MaxUint32, "0o7": 7, "0O17": 15, "0o07": 7,
		"0x10": 16, "0X1f": 31, "+0x10": 16, "0xFFFFFFFF": math.MaxUint32,
		"0b101": 5, "0B1": 1, "0b" + strings.Repeat("0", 100) + "1": 1,
		" 5": 5, "\t\n\r 5": 5, "\v5": 5, "\v 5": 5, " +5": 5, " 0x10": 16, "\v0x10": 16, " 0b1": 1,
		"0b 1": 1, "0b+1": 1, "0o\v+7": 7,
	} {
		if got, err := parseUint32(text); got != want || err != nil {
			t.Errorf("parseUint32(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "+", "-", "x", "-0", "-1", "-5", " -5", "+-5", "++5", "+ 5", "5 ", "5\n", "5k", "1.5", "1e3", "1_000", "0x_1", "0b1_0",
		"08", "0o8", "0b2", "0xg", "0x", "0b", "0o", "0x 1", "0x+1", "0x0x1", "0b0b1", "0o0o7", "00o7", "+0b1", "+0o7", "\v0b1",
		"4294967296", "0x100000000", "040000000000", "18446744073709551617", strings.Repeat("9", 1000), "٣", "5\u00a0",
	} {
		if got, err := parseUint32(text); err == nil {
			t.Errorf("parseUint32(%q) = %d, want an error", text, got)
		}
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	printHelp(&out)
	help := out.String()
	for _, line := range strings.Split(help, "\n") {
		if len(line) > 80 || strings.TrimRight(line, " \t") != line || strings.Contains(line, "\t") {
			t.Errorf("the line %q is not fit for a terminal of 80 columns", line)
		}
	}
	defaultOptions().flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(help, "--"+f.Name) || f.Usage == "" {
			t.Errorf("--%s is not explained", f.Name)
		}
	})
	for _, want := range []string{"HOST:PORT", "/PATH", "@NAME", "-c, --connections-max=N ", "--listen=[NAME=]ADDRESS ", "--map=NAME=TARGET ", "(default 256)", "(default infinity)"} {
		if !strings.Contains(help, want) {
			t.Errorf("the help lacks %q", want)
		}
	}
	if strings.Contains(help, answered) || strings.Contains(help, "default false") {
		t.Error("the help shows what is not meant for readers")
	}
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	printVersion(&out)
	if out.String() != "uring-socket-proxyd "+version+"\n" {
		t.Errorf("--version prints %q", out.String())
	}
	parts := strings.Split(version, ".")
	for _, part := range parts {
		if _, err := strconv.ParseUint(part, 10, 32); err != nil || len(parts) != 3 {
			t.Errorf("version %q is not MAJOR.MINOR.PATCH", version)
		}
	}
}

func TestEngineOptions(t *testing.T) {
	for _, engine := range []engineName{engineAuto, engineUring, engineEpoll} {
		o, err := parseOptions([]string{"--engine=" + string(engine), "/x"})
		if err != nil || o.engine != engine {
			t.Errorf("--engine=%s: %+v, %v", engine, o, err)
		}
	}
	for _, line := range []string{"--family=vsock 2:80", "2:80 --family vsock", "--fam=vsock vsock:2:80", "vsock:host:80", "--family=auto vsock:2:80"} {
		o, err := parseOptions(args(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if to, err := o.targets.rest.For("", 0); err != nil {
			t.Errorf("%s: %v", line, err)
		} else if literal, _ := to.Literal(); len(literal) != 1 || literal[0].String() != "vsock:2:80" {
			t.Errorf("%s: the target is %v", line, literal)
		}
	}
	o, err := parseOptions([]string{"--ring-features=-recv-multishot,+sqpoll", "/x"})
	if err != nil || len(o.ringFeatures) != 2 || o.ringFeatures["recv-multishot"] || !o.ringFeatures["sqpoll"] {
		t.Errorf("--ring-features: %+v, %v", o, err)
	}
	for argument, format := range map[string]probeFormat{"--probe": probeTable, "--probe=table": probeTable, "--probe=json": probeJSON} {
		if o, err := parseOptions([]string{argument}); err != nil || o.probe != format {
			t.Errorf("%s: %+v, %v", argument, o, err)
		}
	}
	for _, bad := range []string{"--engine=", "--engine=kqueue", "--family=inet", "--ring-features=recv-multishot", "--ring-features=-nonsense", "--probe=xml"} {
		_, err := parseOptions([]string{bad, "/x"})
		name, value, _ := strings.Cut(bad, "=")
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v; want an error with option and value", bad, err)
		}
	}
}

// FuzzParseOptions splits its text at newlines, so that any argument but one
// with a newline can come up.
func FuzzParseOptions(f *testing.F) {
	for _, seed := range slices.Concat(differentialLines, randomLines(1, 50), mapLines) {
		f.Add(strings.Join(seed, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, "\n")
		given := slices.Clone(args)
		o, err := parseOptions(args)
		switch {
		case !slices.Equal(args, given):
			t.Errorf("parseOptions(%q) changed its argument", given)
		case err != nil:
			if message := err.Error(); o != nil || message == "" || strings.ContainsAny(message, "\r\n\x00\x1b") {
				t.Errorf("parseOptions(%q) = %v, %q; want one plain line", args, o, message)
			}
		case o.help || o.version || o.probe != "":
			if o.help && o.version {
				t.Errorf("parseOptions(%q) answers twice", args)
			}
		case o.workers < 1 || o.workers > 64 || o.bufferSize.bytes < 4<<10 || o.poolSize.bytes < 1<<20:
			t.Errorf("parseOptions(%q) = %+v", args, *o)
		case o.connectionsMax < 1 || !targetsFrom(o.targets, args):
			t.Errorf("parseOptions(%q) = %+v", args, *o)
		}
	})
}
