package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bench/run"
)

// progress shows how far a run has got: a bar on a terminal, elsewhere a line per scenario.
type progress struct {
	out      io.Writer
	terminal bool
	last     string    // scenario of the last line
	shown    time.Time // when the bar was drawn
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	if file, ok := out.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
		p.terminal = err == nil
	}
	return p
}

// step shows a step. On a terminal it draws at most twice a second: drawing takes time
// from the processors that the benchmark measures.
func (p *progress) step(s run.Step) {
	if s.Scenario == "" {
		return // the run is over
	}
	if p.terminal {
		if time.Since(p.shown) >= time.Second/2 {
			p.shown = time.Now()
			fmt.Fprintf(p.out, "\r\033[K%s", bar(&s))
		}
		return
	}
	if s.Scenario != p.last {
		p.last = s.Scenario
		fmt.Fprintf(p.out, "%3.0f %%, %s left: %s\n", s.Done*100, short(s.Left), s.Scenario)
	}
}

// end removes the bar.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\033[K")
	}
}

// bar draws a step in one line of less than 80 columns.
func bar(s *run.Step) string {
	const width = 24
	full := min(int(s.Done*width), width)
	return fmt.Sprintf("[%s%s] %3.0f %%, %s left: %s, %s, %d/%d", strings.Repeat("#", full), strings.Repeat(".", width-full),
		s.Done*100, short(s.Left), s.Scenario, s.Peer, s.Round, s.Rounds)
}

// short writes the remaining time, such as 3:05.
func short(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
}
