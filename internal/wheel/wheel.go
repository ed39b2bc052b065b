// Package wheel holds the time limits of a worker's connections: ten thousand of them at
// the price of one timer. A [Wheel] belongs to one worker, has no lock and reads no clock:
// the caller says what time it is, in [Tick]s of the worker's own clock.
package wheel

import (
	"math/bits"
	"time"
)

// Wheel holds a worker's alarms, one for each connection that has a time limit. Setting one,
// cancelling it and finding those that are due take the same time however many there are.
//
// As in the kernel's own wheel (kernel/time/timer.c, since 4.8), an alarm is put into
// a slot whose width grows with its distance, and stays there: it never goes off
// early, and at most an eighth of its time, or a tick, late. Its time counts from the
// tick that it was set in.
//
// It goes off in two steps, so that a worker which finds both an alarm and an event of
// a connection can handle the event first: Collect finds the alarms that are due, and Fire
// sets off those that have been neither set again nor cancelled since.
type Wheel struct {
	clock    Tick   // up to which alarms have been collected
	occupied uint16 // a bit for each level with alarms
	levels   [wheelLevels]wheelLevel
	due      alarmList // collected, in the order of their time
}

// Tick is a time in milliseconds since a moment that the worker chooses.
type Tick int64

// Duration is the time between two ticks of which t is the difference.
func (t Tick) Duration() time.Duration { return time.Duration(t) * time.Millisecond }

// NewClock returns a clock that stands at 0.
func NewClock() func() Tick {
	began := time.Now()
	return func() Tick { return Tick(time.Since(began) / time.Millisecond) }
}

const (
	wheelLevels = 13 // the last one reaches 12 days
	wheelSlots  = 64
	wheelShift  = 2 // each level's slots are 4 times as wide as those of the one before
)

// An alarm that a level of narrower slots has no room for is 62 of them away at least:
// with slots 4 times as wide, it is less than a fifteenth of that late.

// wheelLevel is 64 slots of one width. The clock's own is empty: those in use lie 1 to 63
// widths ahead of it, so that their order from there on is that of their times.
type wheelLevel struct {
	used  uint64 // a bit for each slot with alarms
	slots [wheelSlots]alarmList
}

// alarmList is alarms in the order in which they were put in.
type alarmList struct{ first, last *Alarm }

// Alarm is an alarm of a wheel, embedded in what it is for. Its zero value is not set.
type Alarm struct {
	Connection uint32 // the slot of its connection

	set          bool
	level, place uint8 // where it is; in Wheel.due if that is levelDue
	at           Tick  // before which it must not go off; when it was collected, if it is due
	prev, next   *Alarm
}

const levelDue = wheelLevels

// Set makes an alarm go off after d, whether it was set before or not.
func (w *Wheel) Set(a *Alarm, now Tick, d time.Duration) {
	w.Cancel(a)
	w.Collect(now) // a slot's width is of use only if the distance is that from now
	ticks := Tick(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		ticks++
	}
	a.at = max(now+ticks, w.clock) + 1 // the tick of now has begun already
	w.put(a)
}

// put puts an alarm that lies ahead of the clock into its slot.
func (w *Wheel) put(a *Alarm) {
	level, width, number := 0, 0, a.at
	for number-w.clock>>width >= wheelSlots && level < wheelLevels-1 {
		level++
		width += wheelShift
		number = (a.at-1)>>width + 1 // rounded up
	}
	// Beyond the last level it is put in again when its slot is due.
	number = min(number, w.clock>>width+wheelSlots-1)
	w.push(a, level, int(number%wheelSlots))
}

// list is the one that a level and a place stand for.
func (w *Wheel) list(level, place int) *alarmList {
	if level == levelDue {
		return &w.due
	}
	return &w.levels[level].slots[place]
}

func (w *Wheel) push(a *Alarm, level, place int) {
	l := w.list(level, place)
	a.set, a.level, a.place = true, uint8(level), uint8(place)
	a.prev, a.next = l.last, nil
	if l.last == nil {
		l.first = a
	} else {
		l.last.next = a
	}
	l.last = a
	if level != levelDue {
		w.levels[level].used |= 1 << place
		w.occupied |= 1 << level
	}
}

// Cancel keeps an alarm from going off, if it is set.
func (w *Wheel) Cancel(a *Alarm) {
	if !a.set {
		return
	}
	l := w.list(int(a.level), int(a.place))
	if a.prev == nil {
		l.first = a.next
	} else {
		a.prev.next = a.next
	}
	if a.next == nil {
		l.last = a.prev
	} else {
		a.next.prev = a.prev
	}
	if l.first == nil && a.level != levelDue {
		level := &w.levels[a.level]
		if level.used &^= 1 << a.place; level.used == 0 {
			w.occupied &^= 1 << a.level
		}
	}
	a.prev, a.next, a.set = nil, nil, false
}

// Next is the time until an alarm goes off, negative if none is set. It is 12 days at
// most, after which alarms that lie further ahead want to be collected.
func (w *Wheel) Next(now Tick) time.Duration {
	if w.due.first != nil {
		return 0
	}
	slot, at := w.nearest()
	if slot == nil {
		return -1
	}
	return max(0, time.Duration(at-now)*time.Millisecond)
}

// Collect finds the alarms whose time has come, for Fire.
func (w *Wheel) Collect(now Tick) {
	if now <= w.clock {
		return
	}
	for slot, at := w.nearest(); slot != nil && at <= now; slot, at = w.nearest() {
		w.clock = at
		for a := slot.first; a != nil; a = slot.first {
			w.Cancel(a)
			if a.at > now {
				w.put(a) // it was beyond the last level, and is due later than now
				continue
			}
			a.at = at
			w.push(a, levelDue, 0)
		}
	}
	w.clock = now
}

// Fire calls due for each alarm that has been collected, which is not set any more then.
// due may set and cancel alarms; one that it sets goes off next time at the earliest.
func (w *Wheel) Fire(due func(*Alarm)) {
	until := w.clock // due may have more collected, by a Set
	for a := w.due.first; a != nil && a.at <= until; a = w.due.first {
		w.Cancel(a)
		due(a)
	}
}

// nearest is the slot that is due next, and when that is; nil if all are empty.
func (w *Wheel) nearest() (nearest *alarmList, at Tick) {
	for rest := w.occupied; rest != 0; rest &= rest - 1 {
		level := bits.TrailingZeros16(rest)
		l, width := &w.levels[level], wheelShift*level
		own := w.clock >> width
		ahead := bits.TrailingZeros64(bits.RotateLeft64(l.used, -int(own%wheelSlots)))
		number := own + Tick(ahead)
		if t := number << width; nearest == nil || t < at {
			nearest, at = &l.slots[number%wheelSlots], t
		}
	}
	return nearest, at
}
