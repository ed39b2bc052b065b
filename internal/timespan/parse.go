package timespan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// space separates parts, and numbers from units.
	space = " \t\n\r"
	// numberSpace may also precede a number: there strtoll(3) skips
	// whatever isspace(3) accepts.
	numberSpace = space + "\v\f"
	digits      = "0123456789"
)

// unitByName holds every spelling; case matters ("m" is a minute, "M" a
// month).
var unitByName = map[string]Span{
	"us": microsecond, "usec": microsecond,
	"\u00b5s": microsecond, // MICRO SIGN
	"\u03bcs": microsecond, // GREEK SMALL LETTER MU
	"ms":      millisecond, "msec": millisecond,
	"s": second, "sec": second, "second": second, "seconds": second,
	"m": minute, "min": minute, "minute": minute, "minutes": minute,
	"h": hour, "hr": hour, "hour": hour, "hours": hour,
	"d": day, "day": day, "days": day,
	"w": week, "week": week, "weeks": week,
	"M": month, "month": month, "months": month,
	"y": year, "year": year, "years": year,
}

var (
	errEmpty    = errors.New(`empty; write a number with a unit, such as "5min", or "infinity"`)
	errNegative = errors.New("negative")
	errRange    = errors.New("too long; the longest finite span is about 584542 years")
)

// Parse reads a time span: "infinity", or one or more parts that are added
// up, each a number with an optional fraction and an optional unit. A number
// without a unit counts seconds.
//
// The error quotes s and says what is wrong with it.
func Parse(s string) (Span, error) {
	span, err := parse(s)
	if err != nil {
		return 0, fmt.Errorf("time span %q: %w", s, err)
	}
	return span, nil
}

func parse(s string) (Span, error) {
	rest := strings.TrimLeft(s, space)
	if rest == "" {
		return 0, errEmpty
	}
	if after, found := strings.CutPrefix(rest, "infinity"); found {
		if strings.Trim(after, space) != "" {
			return 0, errors.New(`"infinity" must stand alone`)
		}
		return Infinity, nil
	}

	var sum Span
	for rest != "" {
		part, after, err := parsePart(rest)
		if err != nil {
			return 0, err
		}
		// A finite sum must stay below Infinity, which is a value of its own.
		if part >= Infinity-sum {
			return 0, errRange
		}
		sum += part
		rest = strings.TrimLeft(after, space)
	}
	return sum, nil
}

// parsePart reads one number with its unit from the start of s and returns
// its length and what follows.
func parsePart(s string) (part Span, rest string, err error) {
	n, rest, err := parseNumber(s)
	if err != nil {
		return 0, "", err
	}
	unit, rest, err := parseUnit(rest)
	if err != nil {
		return 0, "", err
	}
	part, err = n.times(unit)
	return part, rest, err
}

// number is a decimal number as written. Its fraction stays text until the
// unit is known, because the unit decides how many of its digits count.
type number struct {
	whole    uint64
	fraction string
}

// parseNumber reads a number from the start of s, which is not empty.
func parseNumber(s string) (n number, rest string, err error) {
	if s[0] == '-' {
		return n, "", errNegative
	}
	n.whole, rest, err = parseWhole(s)
	if err != nil {
		return n, "", err
	}
	if after, found := strings.CutPrefix(rest, "."); found {
		n.fraction, rest = cutRun(after, digits)
		if n.fraction == "" {
			return n, "", errors.New("no digits after the decimal point")
		}
	}
	return n, rest, nil
}

// parseWhole reads what strtoll(3) reads: white space, a sign, digits. So
// "-0" hidden behind a form feed is zero, while parseNumber refuses a plain
// "-0": that is what systemd does. The digits may be missing only where s
// starts with a decimal point.
func parseWhole(s string) (whole uint64, rest string, err error) {
	text := strings.TrimLeft(s, numberSpace)
	unsigned := text
	if text != "" && (text[0] == '+' || text[0] == '-') {
		unsigned = text[1:]
	}
	rest = strings.TrimLeft(unsigned, digits)
	if rest == unsigned {
		if s[0] == '.' {
			return 0, s, nil
		}
		return 0, "", fmt.Errorf("expected a number at %q", s)
	}
	value, err := strconv.ParseInt(text[:len(text)-len(rest)], 10, 64)
	switch {
	case value < 0:
		return 0, "", errNegative
	case err != nil: // the syntax is right, so it does not fit
		return 0, "", errRange
	}
	return uint64(value), rest, nil
}

// parseUnit reads an optional unit from the start of s. Without one, the
// number before it must be followed by white space or nothing: "1.2.3" and
// "1+2" are not sums, "1.2 .3" and "1s+2" are.
func parseUnit(s string) (unit Span, rest string, err error) {
	word := strings.TrimLeft(s, space)
	if end := strings.IndexAny(word, digits+numberSpace+".+-"); end >= 0 {
		word, rest = word[:end], word[end:]
	}
	if word == "" {
		if rest != "" && rest == s {
			return 0, "", fmt.Errorf("unexpected %q after a number", s)
		}
		return second, rest, nil
	}
	unit, known := unitByName[word]
	if !known {
		return 0, "", fmt.Errorf("unknown unit %q", word)
	}
	return unit, rest, nil
}

// times returns n units. Each digit of the fraction counts for its share of
// the unit rounded down to whole microseconds. So, as in systemd, a long
// fraction loses a little: "0.999999999y" is 5us short of the exact product.
func (n number) times(unit Span) (Span, error) {
	if Span(n.whole) >= Infinity/unit {
		return 0, errRange
	}
	length := Span(n.whole) * unit
	// Nothing below overflows: the whole units leave room for one unit, and a
	// fraction is less than that.
	for _, digit := range []byte(n.fraction) {
		unit /= 10
		length += Span(digit-'0') * unit
	}
	return length, nil
}

// cutRun splits s after the leading bytes that are in set.
func cutRun(s, set string) (run, rest string) {
	rest = strings.TrimLeft(s, set)
	return s[:len(s)-len(rest)], rest
}
