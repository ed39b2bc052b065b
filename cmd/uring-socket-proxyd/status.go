package main

import (
	"log/slog"
	"time"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/logging"
	"uring-socket-proxyd/internal/statistics"
)

// newPulse returns what tells the service manager how the engine is doing; nil if there is
// no service manager.
func newPulse(services *crew.Services, notifier *activation.Notifier) *crew.Pulse {
	if !notifier.Connected() {
		return nil
	}
	return crew.NewPulse(crew.StatusInterval, func(counts statistics.Counts) {
		if err := notifier.Status(services.Reports.Status(services.Gate.Current(), counts)); err != nil {
			services.Log.Debug("cannot send the status to the service manager", "error", err)
		}
	})
}

// announceReady tells the service manager that start-up is complete. A manager that does
// not read its socket now gets the message when it does; nothing else waits for that.
func announceReady(notifier *activation.Notifier, log *slog.Logger) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		if err := notifier.Ready(); err != nil {
			log.Warn("cannot notify the service manager that start-up is complete", "error", err)
		}
	}()
	select {
	case <-told:
	case <-time.After(logging.FlushTime):
		log.Warn("the service manager has not read that start-up is complete")
	}
}
