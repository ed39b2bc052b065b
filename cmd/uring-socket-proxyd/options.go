package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/internal/timespan"
)

// options are the parsed command line.
type options struct {
	help, version  bool
	probe          probeFormat // empty unless --probe was given
	connectionsMax connectionLimit
	exitIdleTime   waitTime
	drainTimeout   waitTime
	connectTimeout limitTime
	connectRetry   waitTime
	idleTimeout    limitTime
	keepalive      keepaliveTime
	family         familyName
	listen         []string
	metrics        address
	workers        workerCount
	bufferSize     byteSize
	poolSize       byteSize
	engine         engineName
	busyPoll       pollTime
	proxyProtocol  proxyVersion
	acceptHeader   toggle
	logConnections toggle
	fastOpen       toggle
	mark           packetMark
	bind           bindAddresses
	transparent    toggle
	passFDs        toggle
	ringFeatures   ringFeatures
	targets        targets
}

// defaultConnectionsMax is the original's.
const defaultConnectionsMax = 256

func defaultOptions() *options {
	return &options{
		connectionsMax: defaultConnectionsMax,
		exitIdleTime:   waitTime(timespan.Infinity),
		connectTimeout: limitTime(timespan.Infinity),
		idleTimeout:    limitTime(timespan.Infinity),
		workers:        1,
		bufferSize:     byteSize{bytes: forward.DefaultBufferSize, least: 4 << 10, most: 1 << 30},
		poolSize:       byteSize{bytes: forward.DefaultPoolSize, least: 1 << 20, most: 4 << 30},
		engine:         engineAuto,
		family:         familyName(target.Auto),
	}
}

// parseOptions reads the arguments after the program's name as GNU getopt_long
// does for the original: options and the target in any order, values attached or
// separate, long options abbreviated to a unique prefix, "--" ends the options. --help
// and --version take precedence over whatever follows them.
func parseOptions(args []string) (*options, error) {
	o := defaultOptions()
	flags := o.flags()
	if err := flags.Parse(plainShorts(flags, args)); err != nil {
		if errors.Is(err, errAnswered) {
			return o, nil
		}
		return nil, explain(err, flags)
	}
	family := target.Family(o.family)
	if err := o.targets.mapped.parse(family); err != nil {
		return nil, err
	}
	var err error
	switch {
	case flags.NArg() == 0 && len(o.targets.mapped) > 0:
	case flags.NArg() == 0:
		return nil, errors.New("no target given; name one as HOST:PORT, /PATH or @NAME")
	case flags.NArg() > 1:
		return nil, fmt.Errorf("%d targets given (%s), need exactly one", flags.NArg(), quoteAll(flags.Args()))
	default:
		if o.targets.rest, err = family.ParseTemplate(flags.Arg(0)); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// flags is the table of options, from which help, parsing, manual page and completions
// are made.
func (o *options) flags() *pflag.FlagSet {
	flags := pflag.NewFlagSet(programName, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.SortFlags = false
	flags.Usage = func() {}
	bare := func(value pflag.Value, name, short, usage string) { // takes no value
		flags.VarPF(value, name, short, usage).NoOptDefVal = answered
	}
	flags.VarP(&o.connectionsMax, "connections-max", "c", "allow at most N connections at a time and\nrefuse any more")
	flags.Var(&o.exitIdleTime, "exit-idle-time", "exit after TIME without a connection; TIME is\nin seconds or a time span such as \"5min 20s\",\nsee systemd.time(7)")
	flags.Var(&o.drainTimeout, "drain-timeout", "on shutdown, give connections TIME to finish\nbefore resetting them")
	flags.Var(&o.connectTimeout, "connect-timeout", "give up resolving the target, or connecting to\nan address of it, after TIME")
	flags.Var(&o.connectRetry, "connect-retry", "keep trying to reach the target for TIME while\nthe client waits")
	flags.Var(&o.idleTimeout, "idle-timeout", "reset connections that have moved no data for\nTIME")
	flags.Var(&o.keepalive, "keepalive", "send keepalive probes to TCP peers silent for\nTIME, one every TIME; reset those that leave\nthree unanswered")
	flags.Var(&o.family, "family", "read targets as CID:PORT of VSOCK (vsock), or as\nwhat they look like (auto)")
	flags.Var((*addressList)(&o.listen), "listen", "also listen on ADDRESS, in the syntax of\nListenStream=, under the name NAME; may be given\nmore than once")
	flags.Var(&o.targets.mapped, "map", "forward from the sockets named NAME to TARGET;\nmay be given more than once")
	flags.Var(&o.metrics, "metrics", "serve metrics at ADDRESS, over HTTP, in the text\nformat of Prometheus")
	flags.Var(&o.workers, "workers", "forward with N threads, each with a ring (or\nepoll set) and buffers of its own; connections\nare spread evenly among them")
	flags.Var(&o.bufferSize, "buffer-size", "buffer up to SIZE (4K to 1G) in each direction of\na connection, of what its receiver has not taken;\nless by default where a control group limits\nmemory")
	flags.Var(&o.poolSize, "pool-size", "receive into a pool of SIZE (1M to 4G) for each\nworker's ring; it is divided into a power of two\nof buffers of whole pages, and what remains is\nunused; the epoll engine has no pool; less by\ndefault where a control group limits\nmemory")
	flags.Var(&o.engine, "engine", "forward with uring, epoll, or auto: uring where\nthe system allows it")
	flags.Var(&o.busyPoll, "busy-poll", "poll for TIME, such as 50us, before each sleep\nas long as it pays off: lower latency, more\nCPU")
	flags.Var(&o.proxyProtocol, "proxy-protocol", "send the target the client's address first, in a\nPROXY protocol header, v1 or v2")
	bare(&o.acceptHeader, "accept-proxy-protocol", "", "expect a PROXY protocol header, v1 or v2, first\nfrom each client, and reset those that send none")
	bare(&o.logConnections, "log-connections", "", "log each connection when it ends: client, bytes,\nduration and outcome")
	bare(&o.fastOpen, "fast-open", "", "send data that is ready for the target with the\nconnect, and let clients do so (TCP Fast Open)")
	flags.Var(&o.mark, "mark", "mark packets to the target, for routing and\npacket filters; N may be hexadecimal, as in 0x2a")
	flags.Var(&o.bind, "bind", "connect to the target from ADDRESS, an address of\nthis machine; may be given once for IPv4 and once\nfor IPv6")
	bare(&o.transparent, "transparent", "", "connect to the target from the client's address;\ndocs/options.md has the routes that this needs")
	bare(&o.passFDs, "pass-fds", "", "pass on descriptors sent over UNIX sockets\n(SCM_RIGHTS), where both sides are UNIX sockets")
	flags.Var(&o.ringFeatures, "ring-features", "turn features of io_uring off (-NAME) or on\n(+NAME); --probe=json lists the names")
	flags.VarPF(&o.probe, "probe", "", "show which io_uring features this kernel has and\nwhich are used, and exit; as a table or as json").NoOptDefVal = string(probeTable)
	bare((*answer)(&o.help), "help", "h", "show this help and exit")
	bare((*answer)(&o.version), "version", "", "show the version and exit")
	flags.SetNormalizeFunc(expandPrefix(flags))
	return flags
}

// expandPrefix completes a long option that was abbreviated to a unique prefix, as
// getopt_long does.
func expandPrefix(flags *pflag.FlagSet) func(*pflag.FlagSet, string) pflag.NormalizedName {
	names := longNames(flags)
	return func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if matches := complete(names, name); len(matches) == 1 {
			return pflag.NormalizedName(matches[0])
		}
		return pflag.NormalizedName(name)
	}
}

func longNames(flags *pflag.FlagSet) (names []string) {
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// originalNames are the original's options, as of systemd 262. An abbreviation that works
// there must not become ambiguous because of options that it lacks.
var originalNames = []string{"connections-max", "exit-idle-time", "help", "proxy-protocol", "version"}

// complete returns the names that a given one can stand for: itself if it is one
// of them, otherwise those that it is a prefix of.
func complete(names []string, given string) []string {
	if slices.Contains(names, given) {
		return []string{given}
	}
	if matches := withPrefix(originalNames, given); len(matches) == 1 {
		return matches
	}
	return withPrefix(names, given)
}

func withPrefix(names []string, prefix string) (matches []string) {
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			matches = append(matches, name)
		}
	}
	return matches
}

// plainShorts rewrites short options that pflag reads differently from getopt_long: pflag
// drops the "=" of -c=5, takes the "=3" of -h=3 for a value, and skips whatever
// begins with "-test.". Values of other options and operands stay as they are.
func plainShorts(flags *pflag.FlagSet, args []string) []string {
	plain := slices.Clone(args)
	for i := 0; i < len(plain) && plain[i] != "--"; i++ {
		arg := plain[i]
		if len(arg) < 2 || arg[0] != '-' {
			continue
		}
		if arg[1] == '-' {
			if f := flags.Lookup(arg[2:]); f != nil && f.NoOptDefVal == "" {
				i++ // over its value
			}
			continue
		}
		short := flags.ShorthandLookup(arg[1:2])
		switch {
		case short == nil:
			if strings.HasPrefix(arg, "-test.") {
				plain[i] = "-t"
			}
		case short.NoOptDefVal != "":
			plain[i] = arg[:2] // answers at once; the rest does not count
		case len(arg) == 2:
			i++
		case arg[2] == '=':
			plain[i] = arg[:2] + "=" + arg[2:] // pflag drops one
		}
	}
	return plain
}

// explain rewords pflag's errors for a reader who knows the option but not the
// library.
func explain(err error, flags *pflag.FlagSet) error {
	var unknown *pflag.NotExistError
	var malformed *pflag.InvalidSyntaxError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fmt.Errorf("unknown option %q; see --help", "-"+unknown.GetSpecifiedShortnames())
	case errors.As(err, &unknown):
		given := unknown.GetSpecifiedName()
		if matches := complete(longNames(flags), given); len(matches) > 1 {
			return fmt.Errorf("option %q may be --%s; write it out", "--"+given, strings.Join(matches, " or --"))
		}
		return fmt.Errorf("unknown option %q; see --help", "--"+given)
	case errors.As(err, &malformed):
		return fmt.Errorf("unknown option %q; see --help", malformed.GetSpecifiedFlag())
	case errors.As(err, &missing):
		return fmt.Errorf("option --%s needs a value; see --help", missing.GetFlag().Name)
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
