package crew

import (
	"testing"
	"time"

	"uring-socket-proxyd/internal/statistics"
)

// TestDoor has clients come at the limit while half-open connections take up places. The
// limit holds at any time, each client is let in or refused, nobody waits for ever, and
// every place and descriptor comes back.
func TestDoor(t *testing.T) {
	const clients = 400
	var throughDoor uint64
	for range 20 {
		var crew *Crew
		_, err := playCrewOf(t, func(w *fakeWorker) { w.opensHalf = true }, clients, 0, func(c *Crew) {
			crew = c
			until := time.Now().Add(30 * time.Second)
			for decided := uint64(0); decided < clients && time.Now().Before(until); time.Sleep(time.Millisecond) {
				counts := c.Counters()
				decided = counts.Of[statistics.Accepted] + counts.Of[statistics.Refused]
			}
			c.Stop()
		})
		counts := crew.Counters()
		if decided := counts.Of[statistics.Accepted] + counts.Of[statistics.Refused]; err != nil || decided != clients {
			t.Fatalf("%v: of %d clients %d were let in, and %d refused", err, clients, counts.Of[statistics.Accepted], counts.Of[statistics.Refused])
		}
		if n := crew.door.halfOpen.Load() + crew.door.waiting.Load(); n != 0 {
			t.Errorf("%d connections still count as half-open, or clients as waiting", n)
		}
		throughDoor += crew.door.admitted.Load()
	}
	if throughDoor == 0 {
		t.Error("nobody who waited was let in")
	}
}

// TestDoorLingers has connections that are given up keep their places for long, as the
// close of what was passed to them may: nobody waits for that.
func TestDoorLingers(t *testing.T) {
	const clients = 60
	var decided uint64
	_, err := playCrewOf(t, func(w *fakeWorker) { w.opensHalf, w.lingers = true, true }, clients, 0, func(c *Crew) {
		until := time.Now().Add(30 * time.Second)
		for decided < clients && time.Now().Before(until) {
			time.Sleep(time.Millisecond)
			counts := c.Counters()
			decided = counts.Of[statistics.Accepted] + counts.Of[statistics.Refused]
		}
		c.Stop()
	})
	if err != nil || decided != clients {
		t.Errorf("%v: of %d clients %d were let in or refused", err, clients, decided)
	}
}

// TestDoorShuts ends a crew while clients wait: they are closed.
func TestDoorShuts(t *testing.T) {
	for range 50 {
		_, err := playCrewOf(t, func(w *fakeWorker) { w.opensHalf = true }, 1<<40, 0, func(c *Crew) {
			for until := time.Now().Add(30 * time.Second); c.door.empty() && time.Now().Before(until); {
				time.Sleep(time.Microsecond)
			}
			c.Stop()
		})
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	}
}
