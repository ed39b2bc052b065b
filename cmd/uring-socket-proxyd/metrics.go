package main

import (
	"log/slog"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/metrics"
)

// metricsService serves --metrics=, if it was given.
type metricsService struct {
	listener *activation.Listener // nil without --metrics=
	server   *metrics.Server      // nil before start
}

// openMetrics opens the socket of --metrics=, so that an impossible address is found
// before anything starts. others are the listeners that exist already.
func openMetrics(where address, others []*activation.Listener) (*metricsService, error) {
	if where == "" {
		return &metricsService{}, nil
	}
	listener, err := activation.ListenFor("--metrics", string(where), others)
	return &metricsService{listener: listener}, err
}

// wanted reports whether --metrics= was given.
func (m *metricsService) wanted() bool { return m.listener != nil }

// start starts to serve.
func (m *metricsService) start(policy *forward.Policy, gate *crew.Gate, engine forward.Engine, log *slog.Logger) (err error) {
	if !m.wanted() {
		return nil
	}
	m.server, err = metrics.Serve(m.listener, &metrics.Source{Version: version, Policy: policy, Gate: gate, Engine: engine}, log)
	if err == nil {
		log.Debug("serving metrics", "address", m.listener.Address)
	}
	return err
}

// stop stops serving and removes the socket's file.
func (m *metricsService) stop() {
	switch {
	case m.server != nil:
		m.server.Close()
	case m.wanted():
		_ = m.listener.Close() // the error that kept it from starting is reported already
	}
}
