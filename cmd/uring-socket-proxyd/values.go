package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/ring"
)

// errAnswered ends parsing at --help or --version.
var errAnswered = errors.New("answered")

// answered is what an option without a value is set to: something that no argument can
// contain.
const answered = "\x00"

// answer is the value of an option that prints something and exits.
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

// parseUint32 reads a number as the original does: in base 2, 8 or 16 after 0b, 0o
// or 0x, in base 8 after a plain 0; white space and a plus sign may precede it.
// Negative numbers are refused.
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

// byteSize is the value of --buffer-size= and --pool-size=: a number of bytes, or of K, M
// or G, which are powers of 1024.
type byteSize struct {
	bytes, least, most uint64
	given              bool // by the user
}

func (s *byteSize) Set(value string) error {
	n, ok := parseSize(value)
	if !ok || n < s.least || n > s.most {
		return fmt.Errorf("need a size from %s to %s, in bytes, K, M or G", formatSize(s.least), formatSize(s.most))
	}
	s.bytes, s.given = n, true
	return nil
}
func (s *byteSize) String() string { return formatSize(s.bytes) }
func (s *byteSize) Type() string   { return "SIZE" }

// sizeUnits are in ascending order; each is 1024 times the one before.
const sizeUnits = "KMG"

// parseSize reads digits and an optional unit, in upper or lower case.
func parseSize(text string) (bytes uint64, ok bool) {
	shift := 0
	if last := len(text) - 1; last >= 0 {
		if unit := strings.IndexByte(sizeUnits, text[last]&^0x20); unit >= 0 {
			text, shift = text[:last], 10*(unit+1)
		}
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n << shift, err == nil && n <= math.MaxUint64>>shift
}

// formatSize writes a size in the largest unit in which it is a whole number.
func formatSize(bytes uint64) string {
	unit := ""
	for i := 0; i < len(sizeUnits) && bytes > 0 && bytes%1024 == 0; i++ {
		bytes, unit = bytes/1024, sizeUnits[i:i+1]
	}
	return strconv.FormatUint(bytes, 10) + unit
}

// address is the value of --metrics=.
type address string

func (a *address) Set(value string) error {
	if value == "" {
		return errors.New("the address is empty; write PORT, IPV4:PORT, [IPV6]:PORT, /PATH or @NAME")
	}
	*a = address(value)
	return nil
}
func (a *address) String() string { return string(*a) }
func (a *address) Type() string   { return "ADDRESS" }

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

// familyName is the value of --family=.
type familyName target.Family

func (n *familyName) Set(value string) error {
	switch family := target.Family(value); family {
	case target.Auto, target.VSOCK:
		*n = familyName(family)
		return nil
	}
	return fmt.Errorf("no such family; choose %s or %s", target.Auto, target.VSOCK)
}
func (n *familyName) String() string { return string(*n) }
func (n *familyName) Type() string   { return "FAMILY" }

// probeFormat is the value of --probe, which can be left out.
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
