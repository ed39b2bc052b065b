package main

import (
	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/forward"
)

// newPulse has the service manager told how the engine is doing; nil if there is none.
func newPulse(policy *forward.Policy, notifier *activation.Notifier, counters func() forward.Counts) *forward.Pulse {
	if !notifier.Connected() {
		return nil
	}
	return forward.NewPulse(forward.StatusInterval, func() {
		if err := notifier.Status(policy.Status(counters())); err != nil {
			policy.Log.Debug("cannot tell the service manager how it is going", "error", err)
		}
	})
}
