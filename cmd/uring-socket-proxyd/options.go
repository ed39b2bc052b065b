package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/internal/timespan"
)

// options are what the command line says.
type options struct {
	help, version  bool
	connectionsMax connectionLimit
	exitIdleTime   idleTime
	listen         []string
	target         target.Target
}

// defaultConnectionsMax is the original's.
const defaultConnectionsMax = 256

func defaultOptions() *options {
	return &options{connectionsMax: defaultConnectionsMax, exitIdleTime: idleTime(timespan.Infinity)}
}

// parseOptions reads the arguments after the program's name as GNU getopt_long
// does for the original: options and the target in any order, values attached or
// not, long options shortened to a unique prefix, "--" ends the options. --help
// and --version win over whatever follows them.
func parseOptions(args []string) (*options, error) {
	o := defaultOptions()
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, errAnswered) {
			return o, nil
		}
		return nil, explain(err)
	}
	switch flags.NArg() {
	case 0:
		return nil, errors.New("no target given; name one as HOST:PORT, /PATH or @NAME")
	case 1:
	default:
		return nil, fmt.Errorf("%d targets given (%s), need exactly one", flags.NArg(), quoteAll(flags.Args()))
	}
	var err error
	o.target, err = target.Parse(flags.Arg(0))
	return o, err
}

// flags is the table of options, from which help and parsing are made.
func (o *options) flags() *pflag.FlagSet {
	flags := pflag.NewFlagSet(programName, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.SortFlags = false
	flags.Usage = func() {}
	flags.VarP(&o.connectionsMax, "connections-max", "c", "let in at most N connections at a time; refuse more")
	flags.Var(&o.exitIdleTime, "exit-idle-time", "exit after TIME without a connection; see systemd.time(7)")
	flags.StringArrayVar(&o.listen, "listen", nil, "listen on ADDRESS too, in the syntax of ListenStream=;\nmay be given more than once")
	flags.VarPF((*answer)(&o.help), "help", "h", "show this help and exit").NoOptDefVal = answered
	flags.VarPF((*answer)(&o.version), "version", "", "show the version and exit").NoOptDefVal = answered
	flags.SetNormalizeFunc(expandPrefix(flags))
	return flags
}

// expandPrefix completes a long option that was shortened to a unique prefix, as
// getopt_long does.
func expandPrefix(flags *pflag.FlagSet) func(*pflag.FlagSet, string) pflag.NormalizedName {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		var matches []string
		for _, full := range names {
			if full == name {
				return pflag.NormalizedName(name)
			}
			if strings.HasPrefix(full, name) && name != "" {
				matches = append(matches, full)
			}
		}
		if len(matches) == 1 {
			return pflag.NormalizedName(matches[0])
		}
		return pflag.NormalizedName(name)
	}
}

// explain words pflag's errors for a reader who knows the option, not the
// library.
func explain(err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		dashes := "--"
		if unknown.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		return fmt.Errorf("unknown option %s%s; see --help", dashes, unknown.GetSpecifiedName())
	case errors.As(err, &missing):
		return fmt.Errorf("option --%s needs a value", missing.GetFlag().Name)
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s=%q: %w", invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	return err
}

func quoteAll(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = strconv.Quote(arg)
	}
	return strings.Join(quoted, ", ")
}

// errAnswered stops parsing at --help or --version.
var errAnswered = errors.New("answered")

// answered is what an answer option is set to when it has no value.
const answered = "yes"

// answer is an option that asks for text and an exit.
type answer bool

func (a *answer) Set(value string) error {
	if value != answered {
		return errors.New("takes no value")
	}
	*a = true
	return errAnswered
}
func (a *answer) String() string { return "" }
func (a *answer) Type() string   { return "" }

// connectionLimit is the value of --connections-max=: an unsigned number in the
// bases that the original takes (0x, 0o, 0b or a leading 0), at least 1.
type connectionLimit int

func (l *connectionLimit) Set(value string) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(value, "+"), 0, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("too large; the most is %d", uint32(math.MaxUint32))
	case err != nil || strings.Contains(value, "_"):
		return errors.New("not a number; give how many connections to let in, 1 or more")
	case n == 0:
		return errors.New("too low; give 1 or more")
	}
	*l = connectionLimit(n)
	return nil
}
func (l *connectionLimit) String() string { return strconv.Itoa(int(*l)) }
func (l *connectionLimit) Type() string   { return "N" }

// idleTime is the value of --exit-idle-time=.
type idleTime timespan.Span

func (t *idleTime) Set(value string) error {
	span, err := timespan.Parse(value)
	if err != nil {
		return err
	}
	*t = idleTime(span)
	return nil
}
func (t *idleTime) String() string { return timespan.Span(*t).String() }
func (t *idleTime) Type() string   { return "TIME" }
