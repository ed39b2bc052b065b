package run

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"uring-socket-proxyd/bench/load"
	"uring-socket-proxyd/bench/measure"
	"uring-socket-proxyd/bench/peer"
	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/scenario"
)

// trial is one measurement. It has its own processes, which end with it.
type trial struct {
	*runner
	scenario  *scenario.Scenario
	peer      *peer.Peer
	directory string
	round     result.Round

	server, client *load.Child
	proxy          *peer.Process // nil for direct
}

// open starts the target and the proxy, and returns where a client connects to.
func (t *trial) open() (address string, err error) {
	if err := t.serve(); err != nil {
		return "", err
	}
	target := t.server.First.Address
	if t.peer.Name == peer.Direct {
		return target, nil
	}
	if t.proxy, err = t.peer.Start(target, t.directory); err != nil {
		return "", err
	}
	t.describe(t.peer, t.proxy)
	return t.proxy.Address, nil
}

// serve starts the target.
func (t *trial) serve() (err error) {
	at := "127.0.0.1:0"
	if t.scenario.Unix {
		at = filepath.Join(t.directory, "target")
	}
	t.server, err = load.StartServer(t.config(at, 0))
	return err
}

// attack starts a client with that many connections, and returns when they work.
func (t *trial) attack(address string, connections int) (err error) {
	if t.client, err = load.StartClient(t.config(address, connections)); err != nil {
		return err
	}
	return t.note(t.client.First)
}

func (t *trial) config(address string, connections int) load.Config {
	return load.Config{Kind: t.scenario.Kind, Address: address, Connections: connections,
		MessageSize: t.scenario.MessageSize, Rate: t.rate(t.scenario), Seed: t.Seed}
}

// note returns the errors that a load process has seen, and that of a proxy that has ended.
func (t *trial) note(s load.Snapshot) error {
	var failures []error
	for _, text := range s.Errors {
		failures = append(failures, errors.New(text))
	}
	if t.proxy != nil {
		failures = append(failures, t.proxy.Check())
	}
	return errors.Join(failures...)
}

// finish ends the traffic and makes sure that everything that was sent has arrived.
func (t *trial) finish() error {
	fromClient, err := t.client.Halt()
	if err != nil {
		return err
	}
	fromServer, err := t.server.Halt()
	if err != nil {
		return err
	}
	expected := fromClient.Sent
	if !t.scenario.Streams() {
		expected = 0 // the client waits for its replies
	}
	atServer, err := t.server.Drain(expected)
	if err != nil {
		return err
	}
	atClient, err := t.client.Drain(fromServer.Sent)
	if err != nil {
		return err
	}
	return errors.Join(t.note(atClient), t.note(atServer))
}

// hold records what the proxy holds now.
func (t *trial) hold() error {
	if t.proxy == nil {
		return nil
	}
	held, err := measure.Held(t.proxy.Session())
	t.round.PeakRSS, t.round.Descriptors = &held.PeakRSS, &held.Descriptors
	return err
}

// stop ends all processes.
func (t *trial) stop() {
	if t.client != nil {
		t.client.Stop()
	}
	if t.proxy != nil {
		t.proxy.Stop()
	}
	if t.server != nil {
		t.server.Stop()
	}
}

// sleep waits, and returns an error if ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
