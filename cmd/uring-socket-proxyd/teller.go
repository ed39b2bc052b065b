package main

import (
	"log/slog"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/metrics"
)

// teller tells metrics to those who ask, if that is wanted.
type teller struct {
	listener *activation.Listener // nil if nobody may ask
	server   *metrics.Server      // nil before begin
}

// newTeller opens the socket of --metrics=, so that an address that cannot be is found
// out before anything begins. others are the listeners that there are already.
func newTeller(where address, others []*activation.Listener) (*teller, error) {
	if where == "" {
		return &teller{}, nil
	}
	listener, err := activation.ListenFor("--metrics", string(where), others)
	return &teller{listener: listener}, err
}

// wanted tells whether there may be somebody who asks.
func (t *teller) wanted() bool { return t.listener != nil }

// begin begins to answer.
func (t *teller) begin(policy *forward.Policy, gate *crew.Gate, engine forward.Engine, log *slog.Logger) (err error) {
	if !t.wanted() {
		return nil
	}
	t.server, err = metrics.Serve(t.listener, &metrics.Source{Version: version, Policy: policy, Gate: gate, Engine: engine}, log)
	if err == nil {
		log.Debug("serving metrics", "address", t.listener.Address)
	}
	return err
}

// end stops answering, and removes the socket's file.
func (t *teller) end() {
	switch {
	case t.server != nil:
		t.server.Close()
	case t.wanted():
		_ = t.listener.Close() // what has kept it from beginning is said already
	}
}
