package torture

import (
	"slices"
	"time"
)

// speech has a part send: nothing, a few bytes, many small messages, some of up to
// 100 KiB, or a stream. It returns how many bytes that is.
func (d dice) speech(p *plan, from, to *part) (bytes int64) {
	var steps []step
	switch d.pick(12, 22, 22, 34, 10) {
	case 0:
	case 1:
		for range 1 + d.IntN(3) {
			steps = append(steps, d.sends(d.upTo(1, 1000), 10))
		}
	case 2:
		piece := d.upTo(1, 64)
		steps = append(steps, sendStep(piece*(20+d.Int64N(580)), int(piece)))
	case 3:
		for range 1 + d.IntN(6) {
			steps = append(steps, d.sends(d.upTo(1, from.most(to, 100<<10)), 200))
		}
	case 4:
		steps = append(steps, d.sends(d.upTo(100<<10, from.most(to, 4<<20)), 500))
	}
	if p.passes {
		for range d.pick(30, 40, 20, 10) {
			steps = d.insert(steps, passStep(d.upTo(1, 200<<10), d.files()))
		}
		if d.in100(10) {
			for range 30 {
				steps = d.insert(steps, passStep(1, d.files()))
			}
		}
	}
	steps = d.punctuate(p, from, steps)
	for _, s := range steps {
		bytes += s.bytes
	}
	d.add(from, steps...)
	return bytes
}

// most is how much a part sends, if that would be so much to a quick reader.
func (p *part) most(to *part, usual int64) int64 {
	if to.slow || p.sendBuffer > 0 {
		return 128 << 10
	}
	return usual
}

// sends is bytes, in so many pieces at most.
func (d dice) sends(bytes, pieces int64) step {
	piece := min(d.upTo(1, bytes)+bytes/pieces, bytes, longestPiece)
	return sendStep(bytes, int(piece))
}

func (d dice) files() int {
	if d.in100(5) {
		return mostFiles
	}
	return 1 + d.IntN(6)
}

// insert puts a step somewhere among others.
func (d dice) insert(steps []step, s step) []step {
	return slices.Insert(steps, d.IntN(len(steps)+1), s)
}

// punctuate puts pauses and urgent bytes in. Those of UNIX sockets stay in line only where
// descriptors are passed on.
func (d dice) punctuate(p *plan, from *part, steps []step) []step {
	if (from.tcp || p.passes && urgentOverUnix()) && !without("urgent") && !(from.who == client && without("early")) && d.in100(12) {
		for range 1 + d.IntN(3) {
			if d.in100(50) {
				steps = append(steps, urgentStep()) // the last byte of all, perhaps
			} else {
				steps = d.insert(steps, urgentStep())
			}
		}
		if d.in100(50) {
			steps = append(steps, d.sends(d.upTo(1, 20000), 10))
		}
	}
	if d.in100(25) {
		for range 1 + d.IntN(3) {
			steps = d.insert(steps, pauseStep(d.time(time.Millisecond, 200*time.Millisecond)))
		}
	}
	return steps
}

// listen has a part receive what the other sends, to the end: at once, in small pieces,
// slowly, or with stops.
func (d dice) listen(p, other *part) {
	var steps []step
	piece := int(d.upTo(4<<10, 128<<10))
	switch d.pick(55, 15, 15, 15) {
	case 0:
	case 1:
		piece = int(d.upTo(1, 2000)+other.says/3000) + 1
	case 2:
		for range 1 + d.IntN(50) {
			n := d.upTo(1, 1+other.says/20)
			steps = append(steps, receiveStep(n, int(n)), pauseStep(d.time(time.Millisecond, 20*time.Millisecond)))
		}
	case 3:
		for range 1 + d.IntN(2) {
			n := d.upTo(1, 1+other.says)
			steps = append(steps, receiveStep(n, piece), pauseStep(d.time(50*time.Millisecond, 1500*time.Millisecond)))
		}
	}
	p.tracks[receiving] = append(steps, receiveAllStep(piece))
}
