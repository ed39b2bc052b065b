package run

import (
	"context"
	"time"

	"uring-socket-proxyd/bench/measure"
)

const (
	// settle is how long the kernel gets to free what the previous clients had.
	settle = 150 * time.Millisecond
	// fewConnections are enough for a proxy to do its one-time set-up.
	fewConnections = 8
)

// stock is what is in use at one moment.
type stock struct {
	memory int64 // bytes
	usage  measure.Usage
}

// idle measures what idle connections cost.
func (t *trial) idle(ctx context.Context) error {
	address, err := t.open()
	if err != nil {
		return err
	}
	if err := t.attack(address, fewConnections); err != nil {
		return err
	}
	t.client.Stop()
	if err := sleep(ctx, settle); err != nil {
		return err
	}
	before, err := t.stock()
	if err != nil {
		return err
	}
	if err := t.attack(address, t.scenario.Connections); err != nil {
		return err
	}
	if err := sleep(ctx, settle); err != nil {
		return err
	}
	after, err := t.stock()
	if err != nil {
		return err
	}
	each := 1 / float64(t.scenario.Connections)
	memory := float64(after.memory-before.memory) * each
	t.round.IdleBytes = &memory
	if t.proxy != nil {
		descriptors := float64(after.usage.Descriptors-before.usage.Descriptors) * each
		t.round.IdleDescriptors = &descriptors
		t.round.PeakRSS, t.round.Descriptors = &after.usage.PeakRSS, &after.usage.Descriptors
	}
	if err := t.watch(ctx); err != nil {
		return err
	}
	return t.finish()
}

// stock returns what is in use now.
func (t *trial) stock() (s stock, err error) {
	session := 0
	if t.proxy != nil {
		session = t.proxy.Session()
		if s.usage, err = measure.Held(session); err != nil {
			return s, err
		}
	}
	s.memory, err = measure.Memory(session)
	return s, err
}

// watch counts how often the proxy wakes up while nothing happens.
func (t *trial) watch(ctx context.Context) error {
	if t.proxy == nil {
		return sleep(ctx, t.window())
	}
	first, err := measure.WakeUps(t.proxy.Session())
	if err != nil {
		return err
	}
	started := time.Now()
	if err := sleep(ctx, t.window()); err != nil {
		return err
	}
	elapsed := time.Since(started)
	last, err := measure.WakeUps(t.proxy.Session())
	if err != nil {
		return err
	}
	perSecond := float64(last-first) / elapsed.Seconds()
	t.round.IdleWakeups = &perSecond
	return nil
}
