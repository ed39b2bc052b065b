package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/timespan"
	"uring-socket-proxyd/ring"
)

// errAnswered stops parsing at --help or --version.
var errAnswered = errors.New("answered")

// answered is what an answer option is set to when it has no value: something
// that no argument can hold.
const answered = "\x00"

// answer is an option that asks for text and an exit.
type answer bool

func (a *answer) Set(value string) error {
	if value != answered {
		return errors.New("takes no value; leave it out")
	}
	*a = true
	return errAnswered
}
func (a *answer) String() string { return "" }
func (a *answer) Type() string   { return "" }

// connectionLimit is the value of --connections-max=.
type connectionLimit uint32

func (l *connectionLimit) Set(value string) error {
	n, err := parseUint32(value)
	if err != nil || n == 0 {
		return fmt.Errorf("need a whole number from 1 to %d", uint32(math.MaxUint32))
	}
	*l = connectionLimit(n)
	return nil
}

// parseUint32 takes a number as the original does: in base 2, 8 or 16 after 0b, 0o
// or 0x, in base 8 after another 0; with white space and a plus sign before it.
// Negative numbers are no numbers here.
func parseUint32(text string) (uint32, error) {
	const space = " \t\n\r" // systemd's; strtoul(3) skips more
	text = strings.TrimLeft(text, space)
	base := 0
	switch prefix := strings.ToLower(text[:min(2, len(text))]); prefix {
	case "0b":
		text, base = text[2:], 2
	case "0o":
		text, base = text[2:], 8
	}
	text = strings.TrimPrefix(strings.TrimLeft(text, space+"\v\f"), "+")
	switch {
	case base != 0:
	case strings.HasPrefix(strings.ToLower(text), "0x"):
		text, base = text[2:], 16
	case strings.HasPrefix(text, "0"):
		base = 8
	default:
		base = 10
	}
	n, err := strconv.ParseUint(text, base, 32)
	return uint32(n), err
}

func (l *connectionLimit) String() string { return strconv.FormatUint(uint64(*l), 10) }
func (l *connectionLimit) Type() string   { return "N" }

// pollTime is the value of --busy-poll=.
type pollTime timespan.Span

// longestPoll bounds --busy-poll=: after 10 ms of polling, the runtime signals a
// thread to let others in.
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

// workerCount is the value of --workers=.
type workerCount uint32

func (c *workerCount) Set(value string) error {
	n, err := parseUint32(value)
	if err != nil || n == 0 || n > forward.MaxWorkers {
		return fmt.Errorf("need a whole number from 1 to %d", forward.MaxWorkers)
	}
	*c = workerCount(n)
	return nil
}
func (c *workerCount) String() string { return strconv.FormatUint(uint64(*c), 10) }
func (c *workerCount) Type() string   { return "N" }

// idleTime is the value of --exit-idle-time=.
type idleTime timespan.Span

func (t *idleTime) Set(value string) error {
	span, err := timespan.Parse(value)
	if err != nil {
		return err
	}
	*t = idleTime(span)
	return nil
}
func (t *idleTime) String() string { return timespan.Span(*t).String() }
func (t *idleTime) Type() string   { return "TIME" }

// engineName is the value of --engine=.
type engineName string

func (n *engineName) Set(value string) error {
	switch name := engineName(value); name {
	case engineAuto, engineUring, engineEpoll:
		*n = name
		return nil
	}
	return fmt.Errorf("no such engine; choose %s, %s or %s", engineAuto, engineUring, engineEpoll)
}
func (n *engineName) String() string { return string(*n) }
func (n *engineName) Type() string   { return "ENGINE" }

// probeFormat is the value of --probe, which is complete without one.
type probeFormat string

const (
	probeTable probeFormat = "table"
	probeJSON  probeFormat = "json"
)

func (f *probeFormat) Set(value string) error {
	switch format := probeFormat(value); format {
	case probeTable, probeJSON:
		*f = format
		return errAnswered
	}
	return fmt.Errorf("no such format; choose %s or %s", probeTable, probeJSON)
}
func (f *probeFormat) String() string { return string(*f) }
func (f *probeFormat) Type() string   { return "FORMAT" }

// ringFeatures is the value of --ring-features=.
type ringFeatures ring.Selection

func (r *ringFeatures) Set(value string) error {
	selection, err := ring.ParseSelection(value)
	if err != nil {
		return err
	}
	*r = ringFeatures(selection)
	return nil
}
func (r *ringFeatures) String() string { return "" }
func (r *ringFeatures) Type() string   { return "LIST" }
