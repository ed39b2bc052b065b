package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"uring-socket-proxyd/internal/statistics"
)

// newDisplay draws on a terminal, and writes lines to anything else.
func newDisplay(out *os.File, errors io.Writer) display {
	if fd := int(out.Fd()); term.IsTerminal(fd) {
		return newScreen(out, fd)
	}
	return &lineDisplay{out: out, errors: errors}
}

// lineDisplay writes a line for each view.
type lineDisplay struct {
	out, errors io.Writer
	headed      bool // the head of the table has been written
	gone        bool // the last request had no answer
}

// columns are the columns of the table, each as wide as its name or its width.
var columns = []struct {
	name  string
	width int
	value func(*view) string
}{
	{"time", 8, func(v *view) string { return v.at.Format("15:04:05") }},
	{"open", 6, func(v *view) string { return number(v.own("connections", "")) }},
	{"new/s", 6, func(v *view) string { return number(v.rate(statistics.Accepted)) }},
	{"refused/s", 9, func(v *view) string { return number(v.refusals()) }},
	{"to-target/s", 11, func(v *view) string { return amount(v.rate(statistics.BytesToTarget)) }},
	{"to-client/s", 11, func(v *view) string { return amount(v.rate(statistics.BytesToClient)) }},
	{"connect-p50", 11, func(v *view) string { return duration(v.lately(&statistics.ConnectTimes).p50) }},
	{"connect-p99", 11, func(v *view) string { return duration(v.lately(&statistics.ConnectTimes).p99) }},
	{"life-p50", 8, func(v *view) string { return duration(v.lately(&statistics.LifeTimes).p50) }},
	{"pool", 5, func(v *view) string { return percent(v.inUse()) }},
	{"cpu", 6, func(v *view) string { return percent(v.growth("process_cpu_seconds_total", "")) }},
}

func (l *lineDisplay) show(v *view) error {
	l.gone = false
	var text strings.Builder
	if !l.headed {
		l.headed = true
		for i, c := range columns {
			cell(&text, i, c.width, c.name)
		}
	}
	for i, c := range columns {
		cell(&text, i, c.width, c.value(v))
	}
	_, err := io.WriteString(l.out, text.String())
	return err
}

// cell writes a column without spaces in it, so that programs can split the line.
func cell(text *strings.Builder, i, width int, value string) {
	fmt.Fprintf(text, "%*s", width, strings.ReplaceAll(value, " ", ""))
	if i == len(columns)-1 {
		text.WriteByte('\n')
	} else {
		text.WriteString("  ")
	}
}

// lost reports it once.
func (l *lineDisplay) lost(err error) error {
	if !l.gone {
		l.gone = true
		fmt.Fprintf(l.errors, "%s: %v; retrying\n", programName, err)
	}
	return nil
}

func (l *lineDisplay) resized() error { return nil }
func (l *lineDisplay) end()           {}
