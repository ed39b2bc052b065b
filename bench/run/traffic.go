package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"uring-socket-proxyd/bench/load"
	"uring-socket-proxyd/bench/measure"
	"uring-socket-proxyd/bench/scenario"
)

// moment is what has been done and used up to a point in time.
type moment struct {
	client, server load.Snapshot
	cpu            time.Duration // of the proxy
}

// traffic measures scenarios that move messages or bytes.
func (t *trial) traffic(ctx context.Context) error {
	address, err := t.open()
	if err != nil {
		return err
	}
	if err := t.attack(address, t.scenario.Connections); err != nil {
		return err
	}
	if err := t.flows(ctx); err != nil {
		return err
	}
	if err := t.warmUp(ctx); err != nil {
		return err
	}
	before, err := t.look()
	if err != nil {
		return err
	}
	if err := sleep(ctx, t.window()); err != nil {
		return err
	}
	after, err := t.look()
	if err != nil {
		return err
	}
	if err := t.hold(); err != nil {
		return err
	}
	t.figure(&before, &after)
	if err := t.finish(); err != nil {
		return err
	}
	if *t.round.Rate == 0 {
		return errors.New("nothing was completed during the measurement")
	}
	return nil
}

// flows waits until the first bytes of a stream have come through: a proxy that
// inherited its socket may still be starting.
func (t *trial) flows(ctx context.Context) error {
	if !t.scenario.Streams() {
		return nil
	}
	const most, pause = 5 * time.Second, 5 * time.Millisecond
	for range int(most / pause) {
		s, err := t.server.Mark()
		if err != nil || s.Received > 0 {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	return fmt.Errorf("nothing came through within %v", most)
}

// look takes a snapshot of both load processes.
func (t *trial) look() (m moment, err error) {
	if t.proxy != nil {
		if m.cpu, err = measure.CPU(t.proxy.Session()); err != nil {
			return m, err
		}
	}
	if m.client, err = t.client.Mark(); err != nil {
		return m, err
	}
	m.server, err = t.server.Mark()
	return m, err
}

// done returns the work between two moments, in units of the scenario's rate, and per
// second. Messages are counted by the client. Streams are counted where they arrive: what
// a proxy has only buffered is not done.
func (t *trial) done(before, after *moment) (work, rate float64) {
	add := func(n uint64, first, last *load.Snapshot) {
		work += float64(n)
		rate += float64(n) / (float64(last.Nanoseconds-first.Nanoseconds) / 1e9)
	}
	if !t.scenario.Streams() {
		add(after.client.Messages-before.client.Messages, &before.client, &after.client)
		return work, rate
	}
	add(after.server.Received-before.server.Received, &before.server, &after.server)
	if t.scenario.Kind == scenario.Duplex {
		add(after.client.Received-before.client.Received, &before.client, &after.client)
	}
	return work, rate
}

// figure records what was done between two moments.
func (t *trial) figure(before, after *moment) {
	work, rate := t.done(before, after)
	t.round.Rate, t.round.Unit = &rate, t.scenario.Unit()
	t.round.Latency = after.client.Latency
	if t.proxy != nil && work > 0 {
		unit, one := t.scenario.CPU()
		cpu := (after.cpu - before.cpu).Seconds() / (work / one)
		t.round.CPU, t.round.CPUUnit = &cpu, unit
	}
}
