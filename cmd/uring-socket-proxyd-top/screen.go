package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"golang.org/x/term"

	"uring-socket-proxyd/internal/statistics"
)

// screen draws in place, on the terminal's alternate screen, which is left at exit.
type screen struct {
	out   io.Writer
	fd    int
	note  []string // above the rest
	lines []string // of the last view
}

// Control sequences of terminals (console_codes(4)).
const (
	enter      = "\033[?1049h\033[?25l" // another screen, without a cursor
	leave      = "\033[?25h\033[?1049l"
	home       = "\033[H"
	clearLine  = "\033[K"
	clearBelow = "\033[J"
)

func newScreen(out io.Writer, fd int) *screen {
	io.WriteString(out, enter)
	return &screen{out: out, fd: fd}
}

func (s *screen) end() { io.WriteString(s.out, leave) }

func (s *screen) show(v *view) error {
	s.note, s.lines = nil, render(v)
	return s.draw()
}

func (s *screen) lost(err error) error {
	s.note = []string{"No answer, retrying: " + printable(err.Error()), ""}
	return s.draw()
}

func (s *screen) resized() error { return s.draw() }

// draw writes as much as fits, in one write so that nothing flickers.
func (s *screen) draw() error {
	lines := append(s.note[:len(s.note):len(s.note)], s.lines...)
	width, height, err := term.GetSize(s.fd)
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	var all strings.Builder
	all.WriteString(home)
	for i, line := range lines[:min(len(lines), height)] {
		if i > 0 {
			all.WriteString("\r\n")
		}
		all.WriteString(line[:min(len(line), width)] + clearLine)
	}
	all.WriteString(clearBelow)
	_, err = io.WriteString(s.out, all.String())
	return err
}

// render turns a view into lines of ASCII, normally of at most 80 characters.
func render(v *view) []string {
	engine := v.label("engine_info", "engine")
	lines := []string{
		fmt.Sprintf("uring-socket-proxyd %s, up %s", v.label("build_info", "version"), age(v.up())),
		fmt.Sprintf("engine %s, workers %s, Linux %s", engine, number(v.own("workers", "")), v.label("engine_info", "kernel")),
		"",
		row("connections", number(v.own("connections", "")), fmt.Sprintf("of %s; %s total, %s broken, %s timed out", number(v.own("connections_max", "")),
			number(v.total(statistics.Accepted)), number(v.total(statistics.Broken)), number(v.total(statistics.TimedOut)))),
		row("new", number(v.rate(statistics.Accepted))+"/s", ""),
		row("refused", number(v.refusals())+"/s", refusedEver(v)),
		row("to target", amount(v.rate(statistics.BytesToTarget))+"/s", amount(v.total(statistics.BytesToTarget))+" total"),
		row("to client", amount(v.rate(statistics.BytesToClient))+"/s", amount(v.total(statistics.BytesToClient))+" total"),
		row("descriptors", number(v.rate(statistics.Passed))+"/s", number(v.total(statistics.Passed))+" passed on"),
		row("stale events", number(v.rate(statistics.Stale))+"/s", number(v.total(statistics.Stale))+" total"),
		"",
		fmt.Sprintf("%-14s%9s%9s%9s   %9s%9s%9s", "", "p50", "p90", "p99", "all: p50", "p90", "p99"),
		timesRow("connect", v.lately(&statistics.ConnectTimes), v.ever(&statistics.ConnectTimes)),
		timesRow("life", v.lately(&statistics.LifeTimes), v.ever(&statistics.LifeTimes)),
		"",
	}
	if engine == "uring" {
		lines = append(lines,
			row("pool in use", percent(v.inUse()), fmt.Sprintf("of %s; %s parked, starved %s times", memory(v.own(statistics.PoolBytes.Name, "")), memory(v.own(statistics.PoolParked.Name, "")), number(v.total(statistics.Starved)))),
			row("enters", number(v.growth(statistics.Prefix+statistics.Enters.Name, ""))+"/s", fmt.Sprintf("%s completions each, %s overflows total", number(v.growth(statistics.Prefix+statistics.Completions.Name, "")/v.growth(statistics.Prefix+statistics.Enters.Name, "")), number(v.own(statistics.Overflows.Name, "")))))
	}
	return append(lines, row("process", percent(v.growth("process_cpu_seconds_total", "")), fmt.Sprintf("of a CPU; %s, %s of %s descriptors",
		memory(v.value("process_resident_memory_bytes", "")), number(v.value("process_open_fds", "")), number(v.value("process_max_fds", "")))))
}

// row formats a name, the figure that matters most, and the rest.
func row(name, figure, rest string) string {
	return strings.TrimRight(fmt.Sprintf("%-14s%12s   %s", name, figure, rest), " ")
}

func refusedEver(v *view) string {
	var said []string
	for _, reason := range statistics.Refusals {
		if n := v.total(reason); n > 0 || math.IsNaN(n) {
			said = append(said, statistics.Totals[reason].Value+" "+number(n))
		}
	}
	if said == nil {
		return "none so far"
	}
	return strings.Join(said, ", ") + " so far"
}

func timesRow(name string, lately, ever times) string {
	return fmt.Sprintf("%-14s%9s%9s%9s   %9s%9s%9s", name, duration(lately.p50), duration(lately.p90), duration(lately.p99),
		duration(ever.p50), duration(ever.p90), duration(ever.p99))
}
