// Command uring-socket-proxyd forwards connections from inherited listening
// sockets to a target, as systemd-socket-proxyd(8) does, through io_uring.
//
// This package reads the command line, collects the listeners, makes the policy
// and starts an engine. It does no I/O on connections.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/proxyprotocol"
	"uring-socket-proxyd/internal/timespan"
	"uring-socket-proxyd/ring"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	// The runtime would end the program when a log line meets a broken pipe.
	signal.Ignore(syscall.SIGPIPE)
	log, queue := newQueuedLogger(stderr, os.Getenv("SYSTEMD_LOG_LEVEL"))
	defer queue.Flush()
	opts, err := parseOptions(args)
	switch {
	case err != nil:
	case opts.help:
		printHelp(stdout)
		return 0
	case opts.version:
		printVersion(stdout)
		return 0
	case opts.probe != "":
		err = printProbe(stdout, opts.probe)
	default:
		err = serve(opts, log)
	}
	if err != nil {
		log.Error(fmt.Sprintf("%s: %v", programName, err))
		return 1
	}
	return 0
}

// serve forwards until a signal, the idle clock or a fault ends it.
func serve(opts *options, log *slog.Logger) error {
	signals := make(chan os.Signal, 1)
	// SIGHUP would end the program without a reset of what is open.
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	notifier, err := activation.NewNotifier()
	if err != nil {
		log.Warn("the watchdog stays off", "error", err)
	}
	listeners, err := openListeners(opts.listen)
	if err != nil {
		return err
	}
	defer closeListeners(listeners, log)
	routes, err := opts.targets.routes(listeners)
	if err != nil {
		return err
	}
	var engine forward.Engine
	policy := newPolicy(opts, routes, notifier, log, func() {
		log.Debug("no connection for a while, exiting", "exit-idle-time", opts.exitIdleTime.String())
		engine.StopIfIdle()
	})
	policy.Deaf = func() {
		closeListeners(listeners, log)
		log.Debug("listening has ended")
	}
	makeRoomFor(policy.Workers)
	startTimers()
	engine, err = newEngine(opts.engine, ring.Selection(opts.ringFeatures), policy, log)
	if err != nil {
		return err
	}
	shutdown := newShutdown(engine, policy, notifier, timespan.Span(opts.drainTimeout))
	defer shutdown.announce()
	go shutdown.onSignals(signals)
	for _, route := range policy.Routes {
		log.Debug("forwarding", "listener", route.Listener.Address, "name", route.Listener.Name, "target", route.Target.String(), "engine", engine.Name())
	}
	if err := notifier.Ready(); err != nil {
		log.Warn("cannot tell the service manager that start-up is complete", "error", err)
	}
	defer func() { policy.ReportEnd(engine.Counters()) }()
	return engine.Run()
}

// makeRoomFor lets several workers run at the same time, however few processors the
// machine has. A worker keeps one of the Go scheduler's while it waits for traffic
// for a moment, so each needs one, and the rest of the program too; else one worker
// would have to wait until another has nothing to do.
func makeRoomFor(workers int) {
	if workers > 1 {
		runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), workers+1))
	}
}

// startTimers makes the Go runtime take the descriptors that its timers need. It does
// so with the first timer that runs, and ends the program if none are left then.
func startTimers() { time.AfterFunc(time.Hour, func() {}).Stop() }

// openListeners takes the inherited listeners and opens those of --listen=.
func openListeners(specs []string) ([]*activation.Listener, error) {
	listeners, err := activation.Inherited()
	if err != nil {
		return nil, err
	}
	for _, spec := range specs {
		l, err := activation.Listen(spec)
		if err != nil {
			closeAll(listeners)
			return nil, err
		}
		listeners = append(listeners, l)
	}
	if len(listeners) == 0 {
		return nil, fmt.Errorf("no sockets passed in; start it from a socket unit, or give --listen=ADDRESS")
	}
	return listeners, nil
}

// newPolicy makes the engine's policy from the options.
func newPolicy(opts *options, routes []forward.Route, notifier *activation.Notifier, log *slog.Logger, idle func()) *forward.Policy {
	policy := &forward.Policy{
		Routes: routes,
		Limits: forward.Limits{
			Connections: int(opts.connectionsMax),
			BufferSize:  int(opts.bufferSize.bytes),
			PoolSize:    int(opts.poolSize.bytes),
			Descriptors: descriptorLimit(),
		},
		Timeouts: forward.Timeouts{
			Connect: opts.connectTimeout.duration(),
			Idle:    opts.idleTimeout.duration(),
			Retry:   timespan.Span(opts.connectRetry).Duration(),
		},
		Keepalive: timespan.Span(opts.keepalive).Duration(),
		Workers:   int(opts.workers),
		Resolver:  forward.NewResolver(),
		Log:       log,
		BusyPoll:  timespan.Span(opts.busyPoll).Duration(),
		ProxyProtocol: forward.ProxyProtocol{
			Send:   proxyprotocol.Version(opts.proxyProtocol),
			Accept: bool(opts.acceptHeader),
		},
	}
	var clock *forward.IdleClock
	if span := timespan.Span(opts.exitIdleTime); span != timespan.Infinity {
		clock = forward.NewIdleClock(span.Duration(), idle)
	}
	policy.Gate = forward.NewGate(policy.Limits.Connections, clock)
	if interval := notifier.WatchdogInterval(); interval > 0 {
		failing := false // one line when it begins to fail
		policy.Heart = forward.NewHeart(interval/2, policy.Workers, func() {
			err := notifier.Watchdog()
			if err != nil && !failing {
				log.Warn("cannot send the watchdog keep-alive", "error", err)
			}
			failing = err != nil
		})
	}
	return policy
}

// descriptorLimit is how many descriptors this process may have; the Go runtime has
// raised the limit as far as it goes.
func descriptorLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, math.MaxInt32))
}

func closeListeners(listeners []*activation.Listener, log *slog.Logger) {
	if err := closeAll(listeners); err != nil {
		log.Warn("cannot close a listener", "error", err)
	}
}

// closeAll closes every listener and returns the first error.
func closeAll(listeners []*activation.Listener) error {
	var first error
	for _, l := range listeners {
		if err := l.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
