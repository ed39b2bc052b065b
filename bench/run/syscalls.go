package run

import (
	"context"

	"uring-socket-proxyd/bench/measure"
)

// warmUp lets the traffic run for a while before the measurement. Meanwhile it counts
// system calls.
func (t *trial) warmUp(ctx context.Context) error {
	if t.proxy == nil {
		return sleep(ctx, t.Options.warmUp())
	}
	counter, err := t.counter()
	if err != nil {
		return sleep(ctx, t.Options.warmUp()) // the figure is absent
	}
	defer counter.Stop()
	before, err := t.look()
	if err != nil {
		return err
	}
	if err := sleep(ctx, t.Options.warmUp()); err != nil {
		return err
	}
	after, err := t.look()
	if err != nil {
		return err
	}
	calls, err := counter.Count()
	if err != nil {
		return err
	}
	if messages := t.messages(&before, &after); messages > 0 {
		each := float64(calls) / messages
		t.round.Syscalls = &each
	}
	if _, slow := counter.(*measure.Strace); slow {
		return sleep(ctx, t.Options.warmUp()) // back to speed
	}
	return nil
}

// messages returns how many messages there were between two moments.
func (t *trial) messages(before, after *moment) float64 {
	work, _ := t.done(before, after)
	if t.scenario.Streams() {
		return work / float64(t.scenario.MessageSize)
	}
	return work
}

// callCounter counts system calls.
type callCounter interface {
	Count() (uint64, error)
	Stop()
}

// counter starts to count the proxy's system calls, in the way that works here.
func (t *trial) counter() (callCounter, error) {
	counter, err := measure.CountSyscalls(t.proxy.Session())
	if err == nil {
		return counter, nil
	}
	return measure.StartStrace(t.proxy.Session())
}
