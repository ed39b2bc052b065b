package main

import (
	"math"
	"strconv"
	"time"
)

// unknown stands for a value that is not known.
const unknown = "-"

// digits writes a number with three significant digits, and with all digits before the
// point.
func digits(value float64) string {
	switch magnitude := math.Abs(value); {
	case magnitude >= 99.95 || value == math.Trunc(value):
		return strconv.FormatFloat(value, 'f', 0, 64)
	case magnitude >= 9.995:
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	return strconv.FormatFloat(value, 'f', 2, 64)
}

// scaled divides by powers of base until the number is short.
func scaled(value, base float64, units ...string) string {
	if math.IsNaN(value) {
		return unknown
	}
	i := 0
	for ; math.Abs(value) >= base*0.9995 && i < len(units)-1; i++ {
		value /= base
	}
	if unit := units[i]; unit != "" {
		return digits(value) + " " + unit
	}
	return digits(value)
}

// number writes a count, or a count per second.
func number(value float64) string { return scaled(value, 1000, "", "k", "M", "G", "T") }

// amount writes a number of bytes sent.
func amount(value float64) string { return scaled(value, 1000, "B", "kB", "MB", "GB", "TB", "PB") }

// memory writes a number of bytes held.
func memory(value float64) string { return scaled(value, 1024, "B", "KiB", "MiB", "GiB") }

// percent writes a fraction of one.
func percent(value float64) string {
	if math.IsNaN(value) {
		return unknown
	}
	return strconv.FormatFloat(100*value, 'f', 0, 64) + " %"
}

// duration writes a number of seconds.
func duration(value float64) string {
	switch {
	case math.IsInf(value, 1):
		return "beyond"
	case value >= 60:
		return scaled(value/60, 60, "min", "h")
	case value >= 0.9995:
		return digits(value) + " s"
	case value == 0:
		return "0"
	}
	return scaled(value*1e6, 1000, "us", "ms", "s")
}

// age writes how long something has been running, in the unit that people would use.
func age(d time.Duration) string {
	switch d = d.Truncate(time.Second); {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	}
	return strconv.Itoa(int(d.Hours())/24) + " days"
}
