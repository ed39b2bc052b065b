package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/fallback"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/ring"
)

// The values of --engine=.
const (
	engineAuto  engineName = "auto"
	engineUring engineName = "uring"
	engineEpoll engineName = "epoll"
)

// newEngine sets up the engine with a name. auto falls back to epoll if io_uring cannot
// be used, and logs that once; an engine that was asked for by name fails instead.
func newEngine(name engineName, features ring.Selection, policy *forward.Policy, services *crew.Services) (forward.Engine, error) {
	if name == engineEpoll {
		if len(features) > 0 {
			services.Log.Warn("--ring-features does nothing", "reason", "--engine=epoll has no ring")
		}
		return newEpoll(policy, services)
	}
	engine, err := ring.New(policy, services, features)
	if err == nil {
		return engine, nil
	}
	reason := ring.Refusal(err)
	if name == engineUring {
		return nil, fmt.Errorf("--engine=uring: %s", reason)
	}
	services.Log.Info("io_uring cannot be used, forwarding with epoll", "reason", reason)
	return newEpoll(policy, services)
}

func newEpoll(policy *forward.Policy, services *crew.Services) (forward.Engine, error) {
	engine, err := fallback.New(policy, services)
	if errors.Is(err, unix.ENOMEM) {
		return nil, fmt.Errorf("--engine=epoll: %w; raise LimitAS= or LimitDATA=", err)
	}
	if err != nil {
		return nil, fmt.Errorf("--engine=epoll: %w", err)
	}
	return engine, nil
}
