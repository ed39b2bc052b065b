package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// plan is what both ends of a connection do. It follows from the setting, the run's seed
// and the connection's number alone.
//
// No plan waits for ever, if the proxy does its part: one end, the leader, sends
// whatever it sends without waiting for the other one to say anything; only the other
// one may wait for bytes of the leader's, or for the end of them. And all pauses are
// short.
type plan struct {
	route  int
	kind   string
	parts  [2]part
	passes bool // descriptors are sent along
}

// part is what one end does.
type part struct {
	tracks                    [tracks][]step
	sendBuffer, receiveBuffer int // of its socket; 0 is what the kernel gives it
	preface                   []byte

	who  role
	tcp  bool
	slow bool  // much would take too long
	says int64 // how many bytes it sends, if it comes to that
}

func (p *plan) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%v, %s", routes[p.route], p.kind)
	for who, part := range p.parts {
		fmt.Fprintf(&text, "\n    %v:", role(who))
		if part.sendBuffer > 0 || part.receiveBuffer > 0 {
			fmt.Fprintf(&text, " buffers of %d and %d;", part.sendBuffer, part.receiveBuffer)
		}
		for i, name := range []string{" sends:", "; receives:", "; fate:"} {
			if steps := part.tracks[i]; len(steps) > 0 {
				text.WriteString(name)
				for _, s := range steps {
					text.WriteString(" " + s.String() + ",")
				}
			}
		}
	}
	return text.String()
}

// dice are what a plan leaves to chance.
type dice struct{ *rand.Rand }

// in100 is true so many times of a hundred.
func (d dice) in100(times int) bool { return d.IntN(100) < times }

// upTo is a number from least to most, of any magnitude alike.
func (d dice) upTo(least, most int64) int64 {
	bits := 0
	for most>>bits > least {
		bits++
	}
	top := most
	if bits > 0 {
		top = most >> d.IntN(bits)
	}
	return least + d.Int64N(top-least+1)
}

func (d dice) time(least, most time.Duration) time.Duration {
	return time.Duration(d.upTo(int64(least), int64(most)))
}

// pick chooses by weight.
func (d dice) pick(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := d.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	panic("unreachable: n is less than the sum of the weights")
}

func newPlan(s *setting, seed, number uint64) *plan {
	d := dice{rand.New(rand.NewPCG(seed, number))}
	p := &plan{route: d.chooseRoute(s)}
	r := routes[p.route]
	p.passes = s.passing && r.passes()
	for i := range p.parts {
		p.parts[i].who, p.parts[i].tcp = role(i), r.tcp(role(i))
		d.outfit(&p.parts[i], r)
	}
	if s.headers {
		p.parts[client].preface = d.header(number)
	}
	if d.in100(2) {
		d.anonymous(p)
		return p
	}
	d.introduce(&p.parts[client])
	defer d.join(&p.parts[client])
	leader := role(d.IntN(2))
	lead, follow := &p.parts[leader], &p.parts[1-leader]
	mayReset := lead.tcp && !without("resets")
	weight := func(shape string, usual int) int {
		if without(shape) {
			return 0
		}
		return usual
	}
	switch d.pick(weight("exchange", 86), weight("jam", 4), weight("hold", 6), weight("stuck", 4), 1) {
	case 1:
		d.jam(p, lead, follow)
	case 2:
		if mayReset || !lead.tcp && !follow.tcp {
			d.hold(p, lead, follow)
			break
		}
		fallthrough
	case 3:
		if mayReset && !without("stuck") {
			d.stuck(p, lead, follow)
			break
		}
		fallthrough
	default:
		d.exchange(p, lead, follow)
	}
	return p
}

func (d dice) chooseRoute(s *setting) int {
	for {
		i := d.IntN(len(routes))
		if s.passing && d.in100(80) {
			i = len(routes) - 1
		}
		r := routes[i]
		anyTCP, anyUnix := r.tcp(client) || r.tcp(target), !r.tcp(client) || !r.tcp(target)
		tiny := targetKinds[r.target].tiny
		if !(anyTCP && without("tcp") || anyUnix && without("unix") || tiny && without("tiny")) {
			return i
		}
	}
}

// outfit gives a part its buffers.
func (d dice) outfit(p *part, r route) {
	if p.who == target && targetKinds[r.target].tiny {
		p.receiveBuffer, p.slow = tinyBuffer, true // its listener has it
	}
	if without("tiny") {
		return
	}
	if d.in100(20) {
		p.sendBuffer = int(d.upTo(2<<10, 16<<10))
	}
	if p.who == client && p.tcp && d.in100(20) {
		p.receiveBuffer, p.slow = int(d.upTo(2<<10, 16<<10)), true
	}
}

// tinyBuffer is what a kernel has at least, or nearly so.
const tinyBuffer = 4 << 10

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

// introduce has a client say first who it is.
func (d dice) introduce(p *part) {
	if p.preface != nil {
		d.add(p, prefaceStep(1+d.IntN(len(p.preface))))
	}
	d.add(p, sendStep(identitySize, identitySize))
}

// join has some clients say who they are together with what follows.
func (d dice) join(p *part) {
	steps := p.tracks[sending]
	first := slices.IndexFunc(steps, func(s step) bool { return s.name == "send" })
	if len(steps) == first+1 || d.in100(50) {
		return
	}
	if next := steps[first+1]; next.name == "send" {
		steps[first] = sendStep(identitySize+next.bytes, identitySize+next.piece)
		p.tracks[sending] = slices.Delete(steps, first+1, first+2)
	}
}

// add has a part send, and do whatever goes with that.
func (d dice) add(p *part, steps ...step) {
	p.tracks[sending] = append(p.tracks[sending], steps...)
}

// resetOr is a reset, unless those are left out.
func (d dice) resetOr(otherwise step) step {
	if without("resets") {
		return otherwise
	}
	return resetStep
}

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
