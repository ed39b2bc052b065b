package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// digits writes a number with three significant digits, and with all digits before the
// point.
func digits(value float64) string {
	if value == 0 {
		return "0"
	}
	// Round first: 0.9999 is 1.00, not 1.000.
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(math.Abs(value), 'e', 2, 64), 64)
	magnitude := int(math.Floor(math.Log10(rounded)))
	decimals := max(0, 2-magnitude)
	return strconv.FormatFloat(value, 'f', decimals, 64)
}

// scaled divides by powers of base until the number is short.
func scaled(value, base float64, prefixes ...string) string {
	i := 0
	for math.Abs(value) >= base*0.9995 && i < len(prefixes)-1 {
		value /= base
		i++
	}
	return digits(value) + " " + prefixes[i]
}

// span writes a range, with the unit only once if both ends have the same.
func span(low, high string) string {
	number, lowUnit, _ := strings.Cut(low, " ")
	if _, highUnit, _ := strings.Cut(high, " "); lowUnit == highUnit {
		return number + " to " + high
	}
	return low + " to " + high
}

// perSecond writes a rate: "107 k req/s", "2.94 GB/s".
func perSecond(value float64, unit string) string {
	if unit == "B/s" {
		return scaled(value, 1000, "B/s", "kB/s", "MB/s", "GB/s")
	}
	return strings.TrimSpace(scaled(value, 1000, unit, "k "+unit, "M "+unit))
}

// micros writes a latency given in microseconds.
func micros(value float64, _ string) string { return scaled(value, 1000, "µs", "ms", "s") }

// seconds writes a latency given in seconds.
func seconds(value float64, _ string) string { return micros(value*1e6, "") }

// binaryBytes writes an amount of memory.
func binaryBytes(value float64, _ string) string {
	return scaled(value, 1024, "B", "KiB", "MiB", "GiB")
}

// plain writes a count, or a mean of counts.
func plain(value float64, _ string) string {
	if value == math.Trunc(value) && math.Abs(value) < 1e9 {
		return grouped(int(value))
	}
	return digits(value)
}

func wakeups(value float64, _ string) string { return plain(value, "") + "/s" }

func withUnit(value float64, unit string) string {
	return strings.TrimSpace(digits(value) + " " + unit)
}

// grouped writes 20000 as 20,000.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// size writes the size of a message: 64 B, 1 KiB, 64 KiB.
func size(bytes int) string {
	switch {
	case bytes >= 1<<20 && bytes%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", bytes>>20)
	case bytes >= 1<<10 && bytes%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", bytes>>10)
	default:
		return grouped(bytes) + " B"
	}
}

// commandLine writes a command so that it can be pasted into a shell.
func commandLine(arguments []string) string {
	quoted := make([]string, len(arguments))
	for i, argument := range arguments {
		quoted[i] = quote(argument)
	}
	return strings.Join(quoted, " ")
}

func quote(argument string) string {
	harmless := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=./:,@%+", r)
	}
	if argument != "" && strings.IndexFunc(argument, func(r rune) bool { return !harmless(r) }) < 0 {
		return argument
	}
	return "'" + strings.ReplaceAll(argument, "'", `'\''`) + "'"
}
