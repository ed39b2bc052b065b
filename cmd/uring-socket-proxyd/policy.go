package main

import (
	"context"
	"log/slog"
	"math"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/cgroup"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/proxyprotocol"
	"uring-socket-proxyd/internal/timespan"
)

// newPolicy makes the engine's policy from the options, except its routes.
func newPolicy(opts *options, log *slog.Logger) *forward.Policy {
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
		BusyPoll:  timespan.Span(opts.busyPoll).Duration(),
		ProxyProtocol: forward.ProxyProtocol{
			Send:   proxyprotocol.Version(opts.proxyProtocol),
			Accept: bool(opts.acceptHeader),
		},
		LogConnections: bool(opts.logConnections) && log.Enabled(context.Background(), slog.LevelInfo),
		Outbound:       opts.outbound(),
	}
	fitMemory(policy, opts, log)
	return policy
}

// fitMemory makes sizes that the user has not given small enough for the memory limit of
// the control group, and logs that.
func fitMemory(policy *forward.Policy, opts *options, log *slog.Logger) {
	memory, limited := cgroup.Memory()
	if !limited {
		return
	}
	given := forward.Given{Buffer: opts.bufferSize.given, Pool: opts.poolSize.given}
	usual := policy.Limits
	policy.Limits = usual.Within(memory, policy.Workers, given)
	if l := policy.Limits; l != usual {
		log.Debug("buffering less to fit the memory limit of the control group", "limit", formatSize(memory),
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
