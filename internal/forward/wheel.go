package forward

import (
	"math/bits"
	"time"
)

// Wheel holds a worker's alarms, one for each connection that has a time limit. To
// set one, to cancel it and to find those that are due takes the same time however
// many there are.
//
// As in the kernel's own wheel (kernel/time/timer.c, since 4.8), an alarm is put into
// a slot whose width grows with its distance, and stays there: it never goes off
// early, and at most an eighth of its time, or a tick, late.
type Wheel struct {
	clock  Tick // up to which alarms have gone off
	levels [wheelLevels]wheelLevel
}

// Tick is a time in milliseconds since a moment of the worker's choosing.
type Tick int64

// NewClock returns a clock that stands at 0.
func NewClock() func() Tick {
	began := time.Now()
	return func() Tick { return Tick(time.Since(began) / time.Millisecond) }
}

const (
	wheelLevels = 9 // the last one reaches 12 days
	wheelSlots  = 64
	wheelShift  = 3 // each level's slots are 8 times as wide as those of the one before
)

// wheelLevel is 64 slots of one width. Those in use lie within 64 widths of the clock,
// so that a slot's number tells its time.
type wheelLevel struct {
	used  uint64 // a bit for each slot with alarms
	slots [wheelSlots]wheelSlot
}

type wheelSlot struct {
	at    Tick // when its alarms go off
	first *Alarm
}

// Alarm is a place in a wheel, embedded in what it is for. Its zero value is not set.
type Alarm struct {
	Connection uint32 // the slot of its connection

	prev, next   *Alarm
	level, place uint8
	set          bool
}

// Set makes an alarm go off after d, whether it was set before or not.
func (w *Wheel) Set(a *Alarm, now Tick, d time.Duration) {
	w.Cancel(a)
	at := now + Tick((d+time.Millisecond-1)/time.Millisecond)
	level := 0
	for level < wheelLevels-1 && at-w.clock >= (wheelSlots-1)<<(wheelShift*level) {
		level++
	}
	width := wheelShift * level
	if most := w.clock + (wheelSlots-1)<<width - 1; at > most {
		at = most // beyond the last level: early, in 12 days
	}
	number := at>>width + 1
	a.level, a.place, a.set = uint8(level), uint8(number%wheelSlots), true
	l := &w.levels[level]
	slot := &l.slots[a.place]
	slot.at = number << width
	a.prev, a.next = nil, slot.first
	if slot.first != nil {
		slot.first.prev = a
	}
	slot.first = a
	l.used |= 1 << a.place
}

// Cancel keeps an alarm from going off, if it is set.
func (w *Wheel) Cancel(a *Alarm) {
	if !a.set {
		return
	}
	l := &w.levels[a.level]
	if a.next != nil {
		a.next.prev = a.prev
	}
	if a.prev != nil {
		a.prev.next = a.next
	} else if l.slots[a.place].first = a.next; a.next == nil {
		l.used &^= 1 << a.place
	}
	a.prev, a.next, a.set = nil, nil, false
}

// Next is the time until an alarm goes off, negative if none is set.
func (w *Wheel) Next(now Tick) time.Duration {
	slot := w.nearest()
	if slot == nil {
		return -1
	}
	return max(0, time.Duration(slot.at-now)*time.Millisecond)
}

// Expire calls due for each alarm whose time has come, which is not set any more then.
// due may set and cancel alarms.
func (w *Wheel) Expire(now Tick, due func(*Alarm)) {
	for slot := w.nearest(); slot != nil && slot.at <= now; slot = w.nearest() {
		w.clock = slot.at
		for a := slot.first; a != nil && slot.at == w.clock; a = slot.first {
			w.Cancel(a)
			due(a)
		}
	}
	w.clock = now
}

// nearest is the slot that is due next, nil if all are empty.
func (w *Wheel) nearest() (nearest *wheelSlot) {
	for level := range w.levels {
		l := &w.levels[level]
		if l.used == 0 {
			continue
		}
		// The first one at or after the clock's own.
		from := int(w.clock>>(wheelShift*level)) % wheelSlots
		first := (from + bits.TrailingZeros64(bits.RotateLeft64(l.used, -from))) % wheelSlots
		if slot := &l.slots[first]; nearest == nil || slot.at < nearest.at {
			nearest = slot
		}
	}
	return nearest
}
