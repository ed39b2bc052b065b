package torture

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// exchange is what both send to each other, at the same time or one after the other,
// until they end, or one of them breaks off.
func (d dice) exchange(p *plan, lead, follow *part) {
	lead.says = d.speech(p, lead, follow)
	waits, waitsToEnd := d.in100(40), d.in100(50)
	if waits {
		if lead.says > 0 && d.in100(50) {
			d.add(follow, awaitBytesStep(1+d.Int64N(lead.says)))
		} else {
			d.add(follow, awaitEndStep)
		}
	}
	follow.says = d.speech(p, follow, lead)
	d.listen(lead, follow)
	d.listen(follow, lead)
	spoiled := d.pick(50, 19, 19, 12)
	p.kind = [...]string{"good", "bad leader", "bad follower", "both bad"}[spoiled] + fmt.Sprintf(", %v leads", lead.who)
	if spoiled&1 != 0 {
		d.spoil(lead, follow, waits, waits || waitsToEnd || spoiled&2 != 0)
	} else {
		d.finish(lead, follow, false)
	}
	if spoiled&2 != 0 {
		d.spoil(follow, lead, false, false)
	} else {
		d.finish(follow, lead, waitsToEnd)
	}
}

// finish has a part end as it should.
func (d dice) finish(p, other *part, waits bool) {
	if waits {
		d.add(p, awaitEndStep)
	}
	if waits && d.in100(50) || other.says == 0 && d.in100(30) {
		d.add(p, leaveStep) // nothing is there to be left unread
		return
	}
	d.add(p, endStep)
}

// spoil has a part break off, or leave the other one's bytes unread. The other one may
// wait for this one before it says anything, or before it ends.
func (d dice) spoil(p, other *part, waitsToSay, waitsToEnd bool) {
	some := d.Int64N(1 + other.says)
	gone := d.resetOr(leaveStep)
	if d.in100(40) {
		gone = leaveStep
	}
	soon := pauseStep(d.time(time.Millisecond, 600*time.Millisecond))
	switch d.pick(15, 15, 15, 15, 15, 10, 8) {
	case 0: // in the middle of what it says, but as itself
		w := p.tracks[sending]
		p.tracks[sending] = append(w[:p.named+d.IntN(len(w)-p.named+1)], gone)
		return
	case 1: // after the last byte of it
		d.add(p, gone)
		return
	case 2: // while it is fed
		receives := []step{gone}
		if some > 0 {
			receives = []step{receiveStep(some, int(d.upTo(some/100+1, 64<<10))), gone}
		}
		p.tracks[receiving] = receives
	case 3: // whatever it is about
		p.tracks[fate] = []step{soon, gone}
	case 4: // after its own end
		d.add(p, endStep)
		if d.in100(70) {
			d.add(p, soon)
		}
		d.add(p, gone)
		return
	case 5: // with bytes unread
		if other.says > 0 && !waitsToSay && !p.waits() {
			p.tracks[receiving] = []step{takeNothingStep}
			p.tracks[fate] = []step{awaitUnreadStep, leaveStep}
		}
	case 6: // after the other's end
		if !waitsToEnd {
			d.add(p, awaitEndStep, gone)
			return
		}
	}
	d.add(p, endStep)
}

// waits reports whether a part must receive before it goes on sending.
func (p *part) waits() bool {
	return slices.ContainsFunc(p.tracks[sending], func(s step) bool { return strings.HasPrefix(s.name, "await") })
}

// hold is an end that has ended its stream and then goes for good, while the other one
// holds on to the connection, and must be told.
func (d dice) hold(p *plan, goes, holds *part) {
	p.kind = fmt.Sprintf("the %v holds on", holds.who)
	goes.says, holds.says = d.speech(p, goes, holds), d.speech(p, holds, goes)
	d.listen(goes, holds)
	d.listen(holds, goes)
	d.add(goes, endStep, pauseStep(d.time(10*time.Millisecond, 2500*time.Millisecond)))
	if goes.tcp {
		d.add(goes, resetStep)
	} else {
		d.add(goes, leaveStep)
	}
	d.add(holds, awaitBreakStep)
}

// stuck is an end that resets while the other one takes nothing, and must be told.
func (d dice) stuck(p *plan, resets, stuck *part) {
	p.kind = fmt.Sprintf("the %v takes nothing", stuck.who)
	resets.says, stuck.says = d.speech(p, resets, stuck), d.speech(p, stuck, resets)
	d.listen(resets, stuck)
	resets.tracks[fate] = []step{pauseStep(d.time(50*time.Millisecond, 1500*time.Millisecond)), resetStep}
	stuck.tracks[receiving] = []step{awaitBreakStep, receiveAllStep(64 << 10)}
	if n := d.Int64N(1 + min(resets.says, 10000)); n > 0 {
		stuck.tracks[receiving] = append([]step{receiveStep(n, int(n))}, stuck.tracks[receiving]...)
	}
	d.add(stuck, endStep)
}

// jam is an end that takes some of a stream, lets the rest back up as far as it goes, and
// then breaks off, while it is sending itself or after that.
func (d dice) jam(p *plan, streams, jams *part) {
	p.kind = fmt.Sprintf("the %v jams", jams.who)
	streams.says = d.upTo(256<<10, 12<<20) // more than the sockets on the way take, at times
	if d.in100(30) {
		d.add(streams, sendStep(streams.says, int(d.upTo(4<<10, 128<<10))))
	} else { // as messages, so that it is no stream to the proxy
		const burst = 64 << 10
		for left := streams.says; left > 0; left -= burst {
			d.add(streams, sendStep(min(left, burst), int(d.upTo(1<<10, 16<<10))), pauseStep(time.Millisecond))
		}
	}
	d.add(streams, endStep)
	jams.says = d.speech(p, jams, streams)
	d.listen(streams, jams)
	if jams.who == client && jams.tcp && !without("tiny") && d.in100(60) {
		jams.receiveBuffer = tinyBuffer
	}
	// By then it has backed up, as a rule, and moves a bit before it stands still again.
	n := d.upTo(1, min(streams.says, 400<<10))
	jams.tracks[receiving] = []step{receiveStep(n/8+1, 64<<10), pauseStep(d.time(10*time.Millisecond, 800*time.Millisecond)),
		receiveStep(n, 64<<10), pauseStep(d.time(time.Millisecond, 100*time.Millisecond))}
	gone := d.resetOr(leaveStep)
	if d.in100(30) {
		gone = leaveStep
	}
	if d.in100(50) {
		jams.tracks[receiving] = append(jams.tracks[receiving], gone)
		d.add(jams, pauseStep(time.Second))
	} else {
		jams.tracks[fate] = []step{pauseStep(d.time(20*time.Millisecond, 800*time.Millisecond)), gone}
	}
}

// anonymous is a client that leaves before its target can know whose client it is.
func (d dice) anonymous(p *plan) {
	p.kind = "nobody"
	c := &p.parts[client]
	if n := d.Int64N(identitySize); n > 0 {
		d.add(c, sendStep(n, int(n)))
	}
	if d.in100(50) {
		d.add(c, pauseStep(d.time(time.Millisecond, 300*time.Millisecond)))
	}
	switch d.IntN(3) {
	case 0:
		d.add(c, leaveStep)
	case 1:
		d.add(c, d.resetOr(leaveStep))
	case 2:
		d.add(c, endStep)
		c.tracks[receiving] = []step{receiveAllStep(1000)}
	}
}
