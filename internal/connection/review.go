package connection

import (
	"time"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/wheel"
)

// Silence records since when nothing has moved on a connection, for --idle-timeout=, and
// whether its peers answer, for --keepalive=.
type Silence struct {
	Active wheel.Tick // when bytes last moved

	unsent int        // bytes that the kernel had not delivered, at the last look
	asked  wheel.Tick // when it was last looked whether peers owe an answer
	mute   [2]uint8   // looks in a row at which client and target did
}

// teller tells what the kernel knows of a socket; it is a part of Sockets.
type teller interface {
	Unsent(fd int) int
	Unanswered(fd int) (owes bool, silent uint32)
}

// idleSteps is into how many steps an idle timeout is divided while the kernel still has
// bytes to deliver: they move without a word to us, so it is looked whether they have
// become fewer. Both the first look and the steps make a timeout late, together by an
// eighth of it at most.
const idleSteps = 16

// review looks at a connection that forwards. It tells what becomes of it: nothing, with
// the time to the next look, or an outcome: it has stood idle, or a peer has vanished.
func (s *Silence) review(p *forward.Policy, now wheel.Tick, kernel teller, client, target Side) (next time.Duration, outcome report.Outcome) {
	next = -1
	if p.Keepalive > 0 {
		if now-s.asked >= ticks(p.Keepalive) {
			s.asked = now
			for i, side := range [2]Side{client, target} {
				if vanished(&s.mute[i], kernel, side, p.Keepalive) {
					return 0, report.ResetBy(i == 0)
				}
			}
		}
		next = p.Keepalive - (now - s.asked).Duration()
	}
	if p.Timeouts.Idle > 0 {
		left := s.idleFor(now, p.Timeouts.Idle, kernel, client, target)
		if left <= 0 {
			return 0, report.IdleTimeout
		}
		if next < 0 || left < next {
			next = left
		}
	}
	return next, report.Open
}

// firstReview is when a connection that begins to forward is looked at first.
func (s *Silence) firstReview(p *forward.Policy, now wheel.Tick) time.Duration {
	s.Active, s.asked = now, now
	switch {
	case p.Timeouts.Idle == 0:
		return p.Keepalive
	case p.Keepalive == 0:
		return idleStep(p.Timeouts.Idle)
	}
	return min(p.Keepalive, idleStep(p.Timeouts.Idle))
}

func idleStep(limit time.Duration) time.Duration { return max(limit/idleSteps, time.Millisecond) }

// idleFor returns how long a connection may be left alone before it may have stood idle for
// as long as it may; nothing if it has.
func (s *Silence) idleFor(now wheel.Tick, limit time.Duration, kernel teller, client, target Side) time.Duration {
	step, quiet := idleStep(limit), (now - s.Active).Duration()
	if quiet < step {
		return step - quiet
	}
	unsent := kernel.Unsent(client.FD) + kernel.Unsent(target.FD)
	if unsent > 0 && unsent != s.unsent {
		s.Active, quiet = now, 0
	}
	s.unsent = unsent
	left := limit - quiet
	if unsent > 0 {
		return min(step, left)
	}
	return left
}

// vanished counts how often in a row a TCP peer owed an answer, and nothing had come of it
// since the look before. The kernel would have to be told by TCP_USER_TIMEOUT, which also
// ends connections whose peer answers each question about its window, and keeps it shut
// (tcp_probe_timer in net/ipv4/tcp_timer.c, 5.10.10); without it, it asks for a quarter of an hour.
func vanished(mute *uint8, kernel teller, side Side, keepalive time.Duration) bool {
	if !side.TCP {
		return false
	}
	owes, silent := kernel.Unanswered(side.FD)
	if !owes || time.Duration(silent)*time.Millisecond < keepalive {
		*mute = 0
		return false
	}
	*mute++
	return *mute >= socket.KeepaliveProbes
}

func ticks(d time.Duration) wheel.Tick { return wheel.Tick(d / time.Millisecond) }
