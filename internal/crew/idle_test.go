package crew

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestIdleClockRunsFromTheLastEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expired := make(chan time.Time, 4)
		begin := time.Now()
		g := NewGate(10, NewIdleClock(time.Second, func() { expired <- time.Now() }))
		// Before the first connection it does not run.
		time.Sleep(time.Minute)
		g.Admit()
		g.Admit()
		g.Release(false)
		time.Sleep(time.Minute)
		g.Release(false)
		// One that comes and goes meanwhile makes it start anew.
		time.Sleep(900 * time.Millisecond)
		g.Admit()
		g.Release(false)
		if at, want := (<-expired).Sub(begin), 2*time.Minute+1900*time.Millisecond; at != want {
			t.Errorf("expired after %v, want %v", at, want)
		}
		time.Sleep(time.Minute)
		if len(expired) > 0 {
			t.Error("expired twice")
		}
	})
}
