package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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

	who   role
	tcp   bool
	slow  bool  // much would take too long
	named int   // steps of a client's that say who it is
	says  int64 // how many bytes it sends after that, if it comes to that
}

// mostSteps of a track are told, the first and the last.
const mostSteps = 16

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
				for i, s := range steps {
					if i < mostSteps/2 || i >= len(steps)-mostSteps/2 {
						text.WriteString(" " + s.String() + ",")
					} else if i == mostSteps/2 {
						text.WriteString(" ...")
					}
				}
			}
		}
	}
	return text.String()
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
	d.shape(p, lead, follow)
	return p
}

// shape chooses what kind of plan it is to be. Some kinds need a side that can reset.
func (d dice) shape(p *plan, lead, follow *part) {
	mayReset := lead.tcp && !without("resets")
	weigh := func(ingredient string, usual int, possible bool) int {
		if without(ingredient) || !possible {
			return 0
		}
		return usual
	}
	switch d.pick(1, weigh("exchange", 85, true), weigh("jam", 4, true),
		weigh("hold", 6, mayReset || !lead.tcp && !follow.tcp), weigh("stuck", 4, mayReset)) {
	case 2:
		d.jam(p, lead, follow)
	case 3:
		d.hold(p, lead, follow)
	case 4:
		d.stuck(p, lead, follow)
	default:
		d.exchange(p, lead, follow)
	}
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

// introduce has a client say first who it is.
func (d dice) introduce(p *part) {
	if p.preface != nil {
		d.add(p, prefaceStep(1+d.IntN(len(p.preface))))
	}
	if p.tcp && p.preface == nil && !without("urgent") && !without("early") && d.in100(2) {
		d.add(p, urgentStep(), urgentStep(), sendStep(identitySize-2, identitySize))
	} else {
		d.add(p, sendStep(identitySize, identitySize))
	}
	p.named = len(p.tracks[sending])
}

// join has some clients say who they are together with what follows.
func (d dice) join(p *part) {
	steps := p.tracks[sending]
	if len(steps) == p.named || steps[p.named].name != "send" || d.in100(50) {
		return
	}
	last, next := &steps[p.named-1], steps[p.named]
	*last = sendStep(last.bytes+next.bytes, int(last.bytes)+next.piece)
	p.tracks[sending] = slices.Delete(steps, p.named, p.named+1)
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
