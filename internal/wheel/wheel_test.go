package wheel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// expire is Collect and Fire in one, where no event comes between.
func (w *Wheel) expire(now Tick, due func(*Alarm)) {
	w.Collect(now)
	w.Fire(due)
}

// modelWheel is a wheel beside a plain list of the times between which its alarms must
// go off.
type modelWheel struct {
	t     *testing.T
	rng   *rand.Rand
	wheel Wheel
	now   Tick
	since Tick // when the wheel ran last
	due   map[*Alarm]window
}

// window is the ticks in which an alarm may go off, if the wheel runs in each.
type window struct{ first, last Tick }

// newModelWheel prints the seed that repeats the run.
func newModelWheel(t *testing.T) *modelWheel {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	m := &modelWheel{t: t, rng: rng, due: make(map[*Alarm]window), now: Tick(rng.Int64N(1 << 40))}
	m.wheel.expire(m.now, nil)
	return m
}

// set sets an alarm for a random time, of any order of magnitude.
func (m *modelWheel) set(a *Alarm) {
	d := time.Duration(m.rng.Int64N(1 << (1 + m.rng.IntN(62))))
	m.wheel.Set(a, m.now, d)
	ticks := Tick(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		ticks++
	}
	first := m.now + ticks + 1 // as now is somewhere within its tick
	m.due[a] = window{first, first + max(1, ticks/8)}
}

func (m *modelWheel) cancel(a *Alarm) {
	m.wheel.Cancel(a)
	delete(m.due, a)
}

// run lets alarms go off at a later time. meanwhile is what happens after they have been
// collected. If the worker has woken in time, none may be late.
func (m *modelWheel) run(now Tick, inTime bool, meanwhile func()) {
	m.t.Helper()
	m.now = now
	m.wheel.Collect(now)
	meanwhile()
	m.wheel.Fire(func(a *Alarm) {
		w, ok := m.due[a]
		if !ok || now < w.first || inTime && now > w.last {
			m.t.Fatalf("an alarm went off at %d, after %d, that was due from %d to %d (set: %v)", now, m.since, w.first, w.last, ok)
		}
		delete(m.due, a)
		if m.rng.IntN(4) == 0 {
			m.set(a)
		}
	})
	for _, w := range m.due {
		if w.last < now {
			m.t.Fatalf("an alarm did not go off at %d that was due from %d to %d", now, w.first, w.last)
		}
	}
	m.since = now
}

// TestWheelAgainstModel sets, moves and cancels alarms at random, while the clock goes
// on evenly, by leaps, or not at all, and compares what goes off with the model: none is
// early, lost or doubled, and none later than promised.
func TestWheelAgainstModel(t *testing.T) {
	m := newModelWheel(t)
	alarms := make([]Alarm, 500)
	change := func() {
		for range m.rng.IntN(20) {
			switch a := &alarms[m.rng.IntN(len(alarms))]; m.rng.IntN(3) {
			case 0:
				m.cancel(a)
			default:
				m.set(a)
			}
		}
	}
	for range 20_000 {
		change()
		step, inTime := m.wheel.Next(m.now), true
		if step < 0 {
			step = time.Hour
		}
		switch m.rng.IntN(4) {
		case 0: // woken before
			step = step * 3 / 4
		case 1: // stopped for a while; alarms may be set before the wheel hears of it
			m.now += Tick(m.rng.Int64N(1 << (1 + m.rng.IntN(30))))
			change()
			step, inTime = m.wheel.Next(m.now), false
			if step < 0 {
				continue
			}
		}
		meanwhile := func() {}
		if m.rng.IntN(2) == 0 {
			meanwhile = change
		}
		m.run(m.now+Tick(step/time.Millisecond), inTime, meanwhile)
	}
	for i := range alarms {
		m.cancel(&alarms[i])
	}
	if next := m.wheel.Next(m.now); next >= 0 {
		t.Errorf("next in %v with no alarm set", next)
	}
}

// TestWheelSleeps has a worker wake for alarms alone: each wake-up is worth it.
func TestWheelSleeps(t *testing.T) {
	m := newModelWheel(t)
	alarms := make([]Alarm, 100)
	for i := range alarms {
		d := time.Duration(m.rng.Int64N(int64(100 * 24 * time.Hour)))
		m.wheel.Set(&alarms[i], m.now, d)
	}
	left, wakes := len(alarms), 0
	for ; left > 0; wakes++ {
		step := m.wheel.Next(m.now)
		if step <= 0 {
			t.Fatalf("next in %v with %d alarms left", step, left)
		}
		m.now += Tick(step / time.Millisecond)
		m.wheel.expire(m.now, func(*Alarm) { left-- })
	}
	if most := len(alarms) + 10; wakes > most { // every 12 days for those beyond
		t.Errorf("woke %d times for %d alarms", wakes, len(alarms))
	}
}

// TestWheelAtTheEdge sets an alarm about as far ahead as levels reach, beside one that
// is nearer: neither hides the other.
func TestWheelAtTheEdge(t *testing.T) {
	for width := Tick(1); width < 1<<20; width *= 2 {
		for clock := Tick(0); clock < 70*width; clock += 1 + width*3/4 {
			for d := 61 * width; d < 66*width; d += 1 + width/5 {
				var w Wheel
				var far, near Alarm
				w.expire(clock, nil)
				w.Set(&far, clock, time.Duration(d)*time.Millisecond)
				w.Set(&near, clock, time.Duration(d/2)*time.Millisecond)
				next := Tick(w.Next(clock) / time.Millisecond)
				if next <= d/2 || next > d/2+1+max(1, d/16) {
					t.Fatalf("at %d, with alarms after %d and %d, next after %d", clock, d/2, d, next)
				}
			}
		}
	}
}

// TestWheelLongest sets alarms for longer than the wheel is wide, and than any clock
// runs: they wait as long as they are told to, and do not overflow.
func TestWheelLongest(t *testing.T) {
	for _, d := range []time.Duration{1000 * 24 * time.Hour, math.MaxInt64 - 1, math.MaxInt64} {
		var w Wheel
		var a Alarm
		w.Set(&a, 0, d)
		now := Tick(0)
		for fired := false; !fired && now < 1<<37; { // four years
			step := w.Next(now)
			if step < time.Millisecond {
				t.Fatalf("%v: next in %v at %d", d, step, now)
			}
			now += Tick(step / time.Millisecond)
			w.expire(now, func(*Alarm) { fired = true })
		}
		want := Tick(d/time.Millisecond) + 1
		if early := now < min(want, 1<<37); early || d < 1<<62 && now > want+want/8 {
			t.Errorf("%v: went off at %d", d, now)
		}
	}
}

// TestWheelAgainAtOnce has an alarm that is set for no time whenever it goes off, by a
// clock that goes on meanwhile: it goes off once each time, so that others get a turn.
func TestWheelAgainAtOnce(t *testing.T) {
	var w Wheel
	var a, other Alarm
	now, times := Tick(0), 0
	w.Set(&a, now, 0)
	for round := 1; round < 5; round++ {
		now++
		w.expire(now, func(fired *Alarm) {
			if fired == &other {
				return
			}
			if times++; times > round {
				t.Fatal("it goes off for ever")
			}
			now++
			w.Set(&a, now, 0)
			now++
			w.Set(&other, now, 0) // has the first one collected
		})
		if times != round {
			t.Fatalf("it went off %d times in %d rounds", times, round)
		}
		if next := w.Next(now); next != 0 {
			t.Errorf("it is due, and next in %v", next)
		}
	}
}

// TestWheelAfterEvents sets one alarm again and cancels another after they have been
// collected, as the events of their connections would: neither goes off.
func TestWheelAfterEvents(t *testing.T) {
	var w Wheel
	alarms := make([]Alarm, 3)
	for i := range alarms {
		w.Set(&alarms[i], 0, time.Second)
	}
	w.Collect(2000)
	w.Set(&alarms[0], 2000, time.Second)
	w.Cancel(&alarms[1])
	var fired []*Alarm
	w.Fire(func(a *Alarm) { fired = append(fired, a) })
	if len(fired) != 1 || fired[0] != &alarms[2] {
		t.Errorf("%d alarms went off, want the one that nothing came for", len(fired))
	}
	w.expire(4000, func(a *Alarm) { fired = append(fired, a) })
	if len(fired) != 2 || fired[1] != &alarms[0] {
		t.Errorf("%d alarms went off, want the one that was set again, too", len(fired))
	}
}

// TestWheelBehind sets an alarm when the caller's clock is far ahead of the wheel's, as
// that of a process which was stopped: it is late by its own time, not by that of the stop.
func TestWheelBehind(t *testing.T) {
	var w Wheel
	var a, b Alarm
	w.Set(&a, 0, 100*time.Millisecond)
	const stopped = 1_000_000
	w.Set(&b, stopped, 100*time.Millisecond)
	w.expire(stopped, func(*Alarm) {})
	if next := w.Next(stopped); next <= 100*time.Millisecond || next > 114*time.Millisecond {
		t.Errorf("100 ms are over in %v", next)
	}
}

// BenchmarkWheel sets one of many alarms again and again.
func BenchmarkWheel(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var w Wheel
			alarms := make([]Alarm, n)
			for i := range alarms {
				w.Set(&alarms[i], 0, time.Duration(i)*time.Millisecond)
			}
			b.ReportAllocs()
			for i := range b.N {
				w.Set(&alarms[i%n], 0, time.Duration(i%100_000)*time.Millisecond)
			}
		})
	}
}

// BenchmarkWheelRound is what a worker with time limits does in each round.
func BenchmarkWheelRound(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var w Wheel
			alarms := make([]Alarm, n)
			for i := range alarms {
				w.Set(&alarms[i], 0, time.Duration(i+1)*time.Hour/10)
			}
			for range b.N {
				w.expire(0, nil)
				w.Next(0)
			}
		})
	}
}
