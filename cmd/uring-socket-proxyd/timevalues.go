package main

import (
	"fmt"
	"time"

	"uring-socket-proxyd/internal/timespan"
)

// waitTime is the value of an option that says how long to wait for something.
type waitTime timespan.Span

func (t *waitTime) Set(value string) error {
	span, err := timespan.Parse(value)
	if err != nil {
		return err
	}
	*t = waitTime(span)
	return nil
}
func (t *waitTime) String() string { return timespan.Span(*t).String() }
func (t *waitTime) Type() string   { return "TIME" }

// limitTime is the value of an option that limits how long something may take.
type limitTime timespan.Span

func (t *limitTime) Set(value string) error {
	span, err := timespan.Parse(value)
	if err != nil {
		return err
	}
	if span < leastLimit {
		return fmt.Errorf("need a time of at least %s, or infinity", leastLimit)
	}
	*t = limitTime(span)
	return nil
}
func (t *limitTime) String() string { return timespan.Span(*t).String() }
func (t *limitTime) Type() string   { return "TIME" }

// leastLimit is one tick of the clock that measures limits.
const leastLimit = timespan.Span(1000)

// duration is 0 for no limit, as the policy has it.
func (t limitTime) duration() time.Duration {
	if timespan.Span(t) == timespan.Infinity {
		return 0
	}
	return timespan.Span(t).Duration()
}

// keepaliveTime is the value of --keepalive=.
type keepaliveTime timespan.Span

// second and longestKeepalive bound --keepalive=: the kernel counts in seconds, and up
// to MAX_TCP_KEEPIDLE.
const (
	second           = timespan.Span(1_000_000)
	longestKeepalive = 32767 * second
)

func (t *keepaliveTime) Set(value string) error {
	span, err := timespan.Parse(value)
	if err != nil {
		return err
	}
	if span%second != 0 || span > longestKeepalive {
		return fmt.Errorf("need a time in whole seconds, at most 32767, or 0 for no probes")
	}
	*t = keepaliveTime(span)
	return nil
}
func (t *keepaliveTime) String() string { return timespan.Span(*t).String() }
func (t *keepaliveTime) Type() string   { return "TIME" }

// pollTime is the value of --busy-poll=.
type pollTime timespan.Span

// longestPoll bounds --busy-poll=: after 10 ms of polling, the runtime would signal the
// thread to let others run.
const longestPoll = timespan.Span(10_000)

func (t *pollTime) Set(value string) error {
	span, err := timespan.Parse(value)
	if err != nil {
		return err
	}
	if span > longestPoll {
		return fmt.Errorf("need a time of at most %s; 50us is a good start", longestPoll)
	}
	*t = pollTime(span)
	return nil
}
func (t *pollTime) String() string { return timespan.Span(*t).String() }
func (t *pollTime) Type() string   { return "TIME" }
