package timespan

import (
	"fmt"
	"strings"
)

// printedUnits are the units that String uses, longest first. decimals is how many
// digits it takes to reach a microsecond.
var printedUnits = []struct {
	length   Span
	suffix   string
	decimals int
}{
	{year, "y", 0},
	{month, "month", 0},
	{week, "w", 0},
	{day, "d", 0},
	{hour, "h", 0},
	{minute, "min", 0},
	{second, "s", 6},
	{millisecond, "ms", 3},
	{microsecond, "us", 0},
}

// String returns the span as systemd prints it: "5min 20s", "1.500ms", "0",
// "infinity". It loses nothing: Parse returns the same span, except from
// 584542 years on, where the year count alone is more than Parse (and
// systemd) accepts.
func (s Span) String() string {
	switch s {
	case Infinity:
		return "infinity"
	case 0:
		return "0"
	}
	var parts []string
	for _, unit := range printedUnits {
		if s < unit.length {
			continue
		}
		whole, remainder := s/unit.length, s%unit.length
		// From seconds down, one decimal number holds the rest.
		if s < minute && remainder > 0 {
			parts = append(parts, fmt.Sprintf("%d.%0*d%s", whole, unit.decimals, remainder, unit.suffix))
			break
		}
		parts = append(parts, fmt.Sprintf("%d%s", whole, unit.suffix))
		s = remainder
	}
	return strings.Join(parts, " ")
}
