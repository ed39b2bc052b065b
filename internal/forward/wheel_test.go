package forward

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestWheelAgainstModel sets, moves and cancels alarms at random, and compares what goes
// off with a plain list: none is early, lost or doubled, and none later than an eighth
// of its time and a tick.
func TestWheelAgainstModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var w Wheel
	type limits struct{ from, to Tick }
	alarms := make([]Alarm, 500)
	due := make(map[*Alarm]limits)
	now := Tick(rng.Int64N(1 << 40))
	w.Expire(now, nil)
	set := func(a *Alarm, now Tick) {
		d := Tick(rng.Int64N(1 << rng.IntN(30)))
		w.Set(a, now, time.Duration(d)*time.Millisecond)
		due[a] = limits{now + d, now + d + d/8 + 2}
	}
	for range 20_000 {
		for range rng.IntN(20) {
			switch a := &alarms[rng.IntN(len(alarms))]; rng.IntN(3) {
			case 0:
				w.Cancel(a)
				delete(due, a)
			default:
				set(a, now)
			}
		}
		// A worker sleeps until the next one, or is woken before, or is late.
		step := Tick(w.Next(now) / time.Millisecond)
		if step < 0 {
			step = 1
		}
		early := rng.IntN(3) == 0
		if early {
			step = step * 3 / 4
		}
		before := now
		now += step
		fired := 0
		w.Expire(now, func(a *Alarm) {
			fired++
			limit, ok := due[a]
			if !ok || now < limit.from || before > limit.to {
				t.Fatalf("an alarm went off between %d and %d that was due between %d and %d (set: %v)", before, now, limit.from, limit.to, ok)
			}
			delete(due, a)
			if rng.IntN(4) == 0 {
				set(a, now)
			}
		})
		if !early && step > 0 && fired == 0 && len(due) > 0 {
			t.Fatalf("slept %d ticks for nothing", step)
		}
	}
	for range 100_000 {
		if len(due) == 0 {
			break
		}
		now += Tick(w.Next(now) / time.Millisecond)
		w.Expire(now, func(a *Alarm) { delete(due, a) })
	}
	if len(due) > 0 || w.Next(now) >= 0 {
		t.Errorf("%d alarms never went off; next in %v", len(due), w.Next(now))
	}
}

// TestWheelBeyondItsReach sets an alarm for longer than the wheel is wide.
func TestWheelBeyondItsReach(t *testing.T) {
	var w Wheel
	var a Alarm
	w.Set(&a, 0, 1000*24*time.Hour)
	if next := w.Next(0); next < 10*24*time.Hour {
		t.Errorf("it goes off in %v", next)
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
