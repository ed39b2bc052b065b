// Command uring-socket-proxyd forwards connections from inherited listening
// sockets to a target, as systemd-socket-proxyd(8) does, through io_uring.
//
// This package reads the command line, collects the listeners, makes the policy and the
// services, and starts an engine. It does no I/O on connections.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/logging"
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
	policy := newPolicy(opts, log)
	var clients []crew.Client
	if policy.Routes, clients, err = opts.targets.pair(sockets); err != nil {
		return err
	}
	if err := prepareOutbound(policy, clients, sockets, log); err != nil {
		return err
	}
	services := newServices(opts, policy, notifier, log)
	services.Clients = clients
	if len(policy.Routes) > 0 {
		services.StoppedAccepting = func() {
			sockets.closeListeners(log)
			log.Debug("stopped listening")
		}
	}
	makeRoomFor(policy.Workers, metrics.wanted() || policy.Limits.Passed > 0)
	startTimers()
	if err := reserveMemory(policy.Limits.Connections); err != nil {
		return err
	}
	engine, err := newEngine(opts.engine, ring.Selection(opts.ringFeatures), policy, services)
	if err != nil {
		return err
	}
	if err := metrics.start(policy, services.Gate, engine, log); err != nil {
		return err
	}
	shutdown := newShutdown(engine, services, notifier, timespan.Span(opts.drainTimeout))
	defer shutdown.announce()
	go shutdown.onSignals(signals)
	go func() { // as long as the program
		for range asks {
			services.Reports.Counters(services.Gate.Current(), engine.Counters())
		}
	}()
	logRoutes(policy, services, engine.Name())
	announceReady(notifier, log)
	defer func() { services.Reports.End(engine.Counters()) }()
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

// logRoutes logs what is forwarded to where.
func logRoutes(policy *forward.Policy, services *crew.Services, engine string) {
	log := func(message string, r *forward.Route) {
		services.Log.Debug(message, "listener", r.Listener.Address, "name", r.Listener.Name, "target", r.Target.String(), "engine", engine)
	}
	for i := range policy.Routes {
		log("forwarding", &policy.Routes[i])
	}
	for _, client := range services.Clients {
		log("forwarding a connection that was passed in", client.Route)
	}
}
