package main

import (
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/fallback"
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
func newEngine(name engineName, features ring.Selection, policy *forward.Policy, log *slog.Logger) (forward.Engine, error) {
	if name == engineEpoll {
		if len(features) > 0 {
			log.Warn("--ring-features does nothing", "reason", "--engine=epoll has no ring")
		}
		return newEpoll(policy)
	}
	engine, err := ring.New(policy, features)
	if err == nil {
		return engine, nil
	}
	reason := ring.Refusal(err)
	if name == engineUring {
		return nil, fmt.Errorf("--engine=uring: %s", reason)
	}
	log.Info("io_uring cannot be used, forwarding with epoll", "reason", reason)
	return newEpoll(policy)
}

func newEpoll(policy *forward.Policy) (forward.Engine, error) {
	engine, err := fallback.New(policy)
	if errors.Is(err, unix.ENOMEM) {
		return nil, fmt.Errorf("--engine=epoll: %w; raise LimitAS= or LimitDATA=", err)
	}
	if err != nil {
		return nil, fmt.Errorf("--engine=epoll: %w", err)
	}
	return engine, nil
}
