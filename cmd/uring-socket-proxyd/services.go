package main

import (
	"log/slog"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/resolver"
	"uring-socket-proxyd/internal/timespan"
)

// newServices makes what the engine gets besides its policy, except what depends on the
// sockets.
func newServices(opts *options, policy *forward.Policy, notifier *activation.Notifier, log *slog.Logger) *crew.Services {
	services := &crew.Services{
		Log:      log,
		Reports:  report.New(log, policy),
		Gate:     crew.NewGate(policy.Limits.Connections, newIdleClock(opts, log)),
		Resolver: resolver.New(),
		Heart:    newHeart(policy.Workers, notifier, log),
	}
	services.Pulse = newPulse(services, notifier)
	return services
}

// newIdleClock returns the clock that ends an idle program; nil if it is never to end.
func newIdleClock(opts *options, log *slog.Logger) *crew.IdleClock {
	span := timespan.Span(opts.exitIdleTime)
	if span == timespan.Infinity {
		return nil
	}
	return crew.NewIdleClock(span.Duration(), func() {
		log.Debug("no connection for a while, exiting", "exit-idle-time", opts.exitIdleTime.String())
	})
}

// newHeart returns what sends the keep-alives of the watchdog; nil if there is none.
func newHeart(workers int, notifier *activation.Notifier, log *slog.Logger) *crew.Heart {
	interval := notifier.WatchdogInterval()
	if interval <= 0 {
		return nil
	}
	failing := false // log one line when it starts to fail
	return crew.NewHeart(interval/2, workers, func() {
		err := notifier.Watchdog()
		if err != nil && !failing {
			log.Warn("cannot send the watchdog keep-alive", "error", err)
		}
		failing = err != nil
	})
}
