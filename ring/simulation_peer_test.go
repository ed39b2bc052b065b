package ring

import (
	"bytes"
	"time"

	"uring-socket-proxyd/internal/report"
)

// quiet tells that every connection has come and ended by itself, those included
// whose accept the worker has yet to learn of.
func (s *simulation) quiet() bool {
	for _, pair := range s.connected {
		if pair.client.served && !pair.client.closed {
			return false
		}
	}
	return s.clients == 0 && s.worker.InUse() == 0 && s.unserved() == s.turnedAway()
}

// peer lets a remote peer write some, then end its stream.
func (s *simulation) peer(p *simSocket) {
	if p.stuck > 0 {
		p.stuck--
	} else if s.rng.IntN(200) == 0 {
		p.stuck = s.rng.IntN(300)
	}
	n := min(len(p.toCome), s.rng.IntN(p.most))
	switch {
	case p.reset, p.gone:
	case p.eof:
		s.leave(p)
	case p.ends == endsReset && s.rng.IntN(100) == 0: // in the middle
		p.breakOff()
	case n > 0:
		p.written = append(p.written, p.toCome[:n]...)
		p.incoming = append(p.incoming, p.toCome[:n]...)
		p.toCome = p.toCome[n:]
	case len(p.toCome) > 0, p.ends == endsNever:
	case p.ends == endsReset && s.rng.IntN(2) == 0:
		p.breakOff()
	case p.ends == endsGone && s.rng.IntN(2) == 0:
		s.goAway(p)
	case p.ends == endsLast:
		p.eof = p.shutdown
	default:
		p.eof = true
	}
}

// leave lets a peer break or close after its end.
func (s *simulation) leave(p *simSocket) {
	switch {
	case s.rng.IntN(50) > 0:
	case p.ends == endsReset:
		p.breakOff()
	case p.ends == endsGone:
		s.goAway(p)
	}
}

// goAway has a peer on a UNIX socket close it.
func (s *simulation) goAway(p *simSocket) {
	s.lie("a UNIX peer that has closed")
	p.gone = true
}

// waits tells that a peer does nothing until nobody else has anything left to do.
func (p *simSocket) waits() bool { return p.stuck > 1<<20 || p.ends == endsNever }

// unstick lets the peers go on that were stuck for ever, once nothing else
// moves. If they kept the others from moving, those are still not done.
func (s *simulation) unstick() {
	var waiting []*simSocket
	for _, pair := range s.connected {
		switch {
		case pair.client.closed, !pair.client.served: // over, or at the door
			continue
		case pair.target == nil, !pair.client.waits() && !pair.target.waits():
			return // has nobody to wait for, and is not done
		}
		for _, p := range []*simSocket{pair.client, pair.target} {
			if p.waits() {
				waiting = append(waiting, p)
			}
		}
	}
	for _, p := range waiting {
		p.stuck = 0
		if p.ends == endsNever {
			p.ends = endsClean
		}
	}
}

// outcomeOf is what the log says of a connection.
func (s *simulation) outcomeOf(pair *simPair) string {
	return s.worker.Log.Handler().(*ledger).of[clientName(pair.client.fd)]
}

// checkStream compares what one peer wrote with what the other got.
func (s *simulation) checkStream(from, to *simSocket, name string) {
	written, outcome := s.forwarded(from), s.outcomeOf(from.pair)
	if !bytes.HasPrefix(written, to.got) {
		s.t.Errorf("%s: what arrived is not what was sent: %.100x, not %.100x, early %d, header %d, %s", name, to.got, written, len(to.early), len(from.header), outcome)
	}
	// Of one that has closed altogether, or whose connection ends with the program after its
	// target has, what comes later is not missed. One that ends its stream first and closes
	// with bytes unread right then may be taken for the former.
	unmissed := to.gone || to.unix && to.eof && to.reset || s.stopped && to.eof && from.pair.client == from
	if complete := to.shutdown || !to.linger; complete && !unmissed && !bytes.Equal(written, to.got) {
		s.t.Errorf("%s: ended cleanly after %d of %d bytes (%s): from %+v to %+v", name, len(to.got), len(written), outcome, from.simState, to.simState)
	}
	s.checkPassed(from, to, name)
	cutOff := from.pair.refused
	for _, o := range []report.Outcome{report.Stopped, report.IdleTimeout, report.GivenUp, report.ClientLeft} {
		cutOff = cutOff || outcome == o.String()
	}
	if !from.reset && !to.reset && !from.gone && !to.gone && to.linger && !cutOff {
		s.t.Errorf("%s: reset, but neither side broke (%s)", name, outcome)
	}
	if from.reset && !from.eof && !to.linger && !unmissed {
		s.t.Errorf("%s: the source was reset, the destination ended cleanly", name)
	}
	if idle := s.worker.Policy.Timeouts.Idle; idle > 0 && idle < time.Hour {
		cutOff = true // perhaps, if this is not the first that happens to it
	}
	cutOff = cutOff || s.stopped // the same holds
	if from.gone && !from.reset && !to.reset && !to.gone && !cutOff && !bytes.Equal(written, to.got) {
		s.t.Errorf("%s: the source has closed after %d bytes, of which %d arrived (%s)", name, len(written), len(to.got), outcome)
	}
	// Its target may just have been connected.
	if client := from.pair.client; outcome == report.ClientLeft.String() && (!client.eof && !client.gone && !client.reset || len(client.incoming) > 0) {
		s.t.Errorf("%s: the client counts as left, with %d bytes to forward", name, len(client.incoming))
	}
	if outcome == report.GivenUp.String() && !from.eof && !to.eof && !from.gone && !to.gone {
		s.t.Errorf("%s: given up, though neither side had ended", name)
	}
}
