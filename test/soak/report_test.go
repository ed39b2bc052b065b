package soak

import (
	"fmt"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// reportEvery is how often a stage says how it gets on.
const reportEvery = 10 * time.Second

// overhead is what a program may take beside data: itself, and a few KiB for each
// connection.
const overhead = 16 << 20

// report says how the round gets on and looks at what must hold at any time.
func (s *stage) report() {
	round := s.round.Load()
	began := time.Now()
	ticks := time.NewTicker(min(reportEvery, round.length/2))
	defer ticks.Stop()
	for {
		select {
		case <-round.Done():
			return
		case <-ticks.C:
		}
		d, resident := s.descriptors(), s.proxy.ResidentBytes()
		s.say("round %d, %3.0f s: %s; %d open; %d descriptors, %s resident",
			round.number, time.Since(began).Seconds(), s.account.line(), s.calls.open.Load(), d.sum(), size(resident))
		if silent := s.standing.silent(); silent > harness.Patience {
			s.fail("a bystander has had no answer for %v", silent)
		}
		if most := overhead + s.setting.ceiling(s.program); resident > most && !harness.RaceBuilt {
			s.fail("%s are resident, more than the ceiling of %s", size(resident), size(most))
		}
	}
}

// say prints a line. It does not wait for the end of the test, as its log would.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func (s *stage) say(format string, args ...any) {
	say("%-16s%s", s.program.Name+":", fmt.Sprintf(format, args...))
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
