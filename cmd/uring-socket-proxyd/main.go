// Command uring-socket-proxyd forwards connections from inherited listening
// sockets to a target, as systemd-socket-proxyd(8) does, through io_uring.
//
// This package reads the command line, collects the listeners, makes the policy
// and starts an engine. It does no I/O on connections.
package main

import (
	"context"
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
	"uring-socket-proxyd/internal/cgroup"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/logging"
	"uring-socket-proxyd/internal/proxyprotocol"
	"uring-socket-proxyd/internal/timespan"
	"uring-socket-proxyd/ring"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	opts, err := parseOptions(args)
	if err == nil {
		err = provideThreads(opts) // before anything starts one
	}
	// Otherwise the runtime would end the program when a log line hits a broken pipe.
	signal.Ignore(syscall.SIGPIPE)
	asks := make(chan os.Signal, 1) // asks for the counters; caught this early, as SIGUSR1 would end the program
	signal.Notify(asks, syscall.SIGUSR1)
	wishes := logging.ReadWishes(os.Getenv)
	log, last, queue := logging.NewQueued(stderr, wishes)
	defer queue.Flush()
	wishes.Complain(log)
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
		err = serve(opts, log, asks)
	}
	if err != nil {
		last.Error(fmt.Sprintf("%s: %v", programName, err))
		return 1
	}
	return 0
}

// serve forwards until a signal, the idle clock or a fault ends it. For each signal in
// asks it logs the counters.
func serve(opts *options, log *slog.Logger, asks <-chan os.Signal) error {
	signals := make(chan os.Signal, 1)
	// SIGHUP would end the program without resetting open connections.
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	notifier, err := activation.NewNotifier()
	if err != nil {
		log.Warn("the watchdog stays off", "error", err)
	}
	sockets, err := openSockets(opts.listen)
	if err != nil {
		return err
	}
	defer sockets.closeListeners(log)
	running := false
	defer func() {
		if !running {
			sockets.breakOff()
		}
	}()
	metrics, err := openMetrics(opts.metrics, sockets.listeners)
	if err != nil {
		return err
	}
	defer metrics.stop()
	policy := newPolicy(opts, notifier, log)
	if policy.Routes, policy.Accepted, err = opts.targets.pair(sockets); err != nil {
		return err
	}
	if err := prepareOutbound(policy, sockets); err != nil {
		return err
	}
	if len(policy.Routes) > 0 {
		policy.Deaf = func() {
			sockets.closeListeners(log)
			log.Debug("stopped listening")
		}
	}
	policy.Pulse = newPulse(policy, notifier)
	makeRoomFor(policy.Workers, metrics.wanted() || policy.Limits.Passed > 0)
	startTimers()
	if err := reserveMemory(policy.Limits.Connections); err != nil {
		return err
	}
	engine, err := newEngine(opts.engine, ring.Selection(opts.ringFeatures), policy, log)
	if err != nil {
		return err
	}
	if err := metrics.start(policy, engine, log); err != nil {
		return err
	}
	shutdown := newShutdown(engine, policy, notifier, timespan.Span(opts.drainTimeout))
	defer shutdown.announce()
	go shutdown.onSignals(signals)
	go func() { // as long as the program
		for range asks {
			policy.ReportCounters(engine.Counters())
		}
	}()
	reportRoutes(policy, engine.Name())
	announceReady(notifier, log)
	defer func() { policy.ReportEnd(engine.Counters()) }()
	running = true
	return engine.Run()
}

// makeRoomFor lets several workers run at the same time, however few processors the
// machine has. A worker keeps one of the Go scheduler's processors while it briefly waits
// for traffic, so each worker needs one, and so does the rest of the program. Otherwise a
// worker would have to wait until another has nothing to do, and so would the goroutines
// that serve metrics or close descriptors that were passed on.
func makeRoomFor(workers int, others bool) {
	if workers > 1 || others {
		runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), workers+1))
	}
}

// startTimers makes the Go runtime open the descriptors that its timers need. It opens
// them with the first timer, and would end the program if none were left by then.
func startTimers() { time.AfterFunc(time.Hour, func() {}).Stop() }

// reportRoutes logs what is forwarded to where.
func reportRoutes(policy *forward.Policy, engine string) {
	report := func(message string, r *forward.Route) {
		policy.Log.Debug(message, "listener", r.Listener.Address, "name", r.Listener.Name, "target", r.Target.String(), "engine", engine)
	}
	for i := range policy.Routes {
		report("forwarding", &policy.Routes[i])
	}
	for _, client := range policy.Accepted {
		report("forwarding a connection that was passed in", client.Route)
	}
}

// newPolicy makes the engine's policy from the options, except its routes and connections.
func newPolicy(opts *options, notifier *activation.Notifier, log *slog.Logger) *forward.Policy {
	policy := &forward.Policy{
		Limits: forward.Limits{
			Connections: int(opts.connectionsMax),
			BufferSize:  int(opts.bufferSize.bytes),
			PoolSize:    int(opts.poolSize.bytes),
			Descriptors: descriptorLimit(),
			Passed:      opts.passed(),
		},
		Timeouts: forward.Timeouts{
			Connect: opts.connectTimeout.duration(),
			Idle:    opts.idleTimeout.duration(),
			Retry:   timespan.Span(opts.connectRetry).Duration(),
		},
		Timed:     opts.metrics != "",
		Keepalive: timespan.Span(opts.keepalive).Duration(),
		Workers:   int(opts.workers),
		Resolver:  forward.NewResolver(),
		Log:       log,
		BusyPoll:  timespan.Span(opts.busyPoll).Duration(),
		ProxyProtocol: forward.ProxyProtocol{
			Send:   proxyprotocol.Version(opts.proxyProtocol),
			Accept: bool(opts.acceptHeader),
		},
		LogConnections: bool(opts.logConnections) && log.Enabled(context.Background(), slog.LevelInfo),
		Outbound:       opts.outbound(),
	}
	var clock *forward.IdleClock
	if span := timespan.Span(opts.exitIdleTime); span != timespan.Infinity {
		clock = forward.NewIdleClock(span.Duration(), func() {
			log.Debug("no connection for a while, exiting", "exit-idle-time", opts.exitIdleTime.String())
		})
	}
	fitMemory(policy, opts)
	policy.Gate = forward.NewGate(policy.Limits.Connections, clock)
	if interval := notifier.WatchdogInterval(); interval > 0 {
		failing := false // log one line when it starts to fail
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

// fitMemory makes sizes that the user has not given small enough for the memory limit of
// the control group, and logs that.
func fitMemory(policy *forward.Policy, opts *options) {
	memory, limited := cgroup.Memory()
	if !limited {
		return
	}
	given := forward.Given{Buffer: opts.bufferSize.given, Pool: opts.poolSize.given}
	usual := policy.Limits
	policy.Limits = usual.Within(memory, policy.Workers, given)
	if l := policy.Limits; l != usual {
		policy.Log.Debug("buffering less to fit the memory limit of the control group", "limit", formatSize(memory),
			"buffer-size", formatSize(uint64(l.BufferSize)), "pool-size", formatSize(uint64(l.PoolSize)), "unsent", formatSize(uint64(l.Unsent)))
	}
}

// descriptorLimit is how many descriptors this process can have; the Go runtime has
// raised the limit as far as possible.
func descriptorLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, math.MaxInt32))
}
