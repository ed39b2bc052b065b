package soak

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// flood is three times as many clients at once as the proxy may let in.
func flood(s *stage, random *rand.Rand) (int, error) {
	n, most := 3*s.setting.limit, s.setting.limit-len(s.standing.all)
	h := s.newHold()
	h.add(n, broken, random)
	in := h.settle()
	var wrong error
	if in > most {
		wrong = fmt.Errorf("%d connections are in, besides %d others; the limit is %d", in, len(s.standing.all), s.setting.limit)
	}
	wrong = errors.Join(wrong, h.release())
	return int(h.turnedAway.Load()), wrong
}

// limitIsExact looks, while nobody else comes or goes, how many get in.
func (s *stage) limitIsExact() error {
	n := s.setting.limit - len(s.standing.all)
	s.troubles.begin() // the bystanders aside, only these are there to be turned away
	defer s.troubles.end()
	h := s.newHold()
	h.add(n, inPeace, s.random)
	if in := h.settle(); in < n {
		return errors.Join(fmt.Errorf("%d of %d connections under the limit got in", in, n), h.release())
	}
	h.add(3, inPeace, s.random)
	if in := h.settle(); in > n {
		return errors.Join(fmt.Errorf("%d connections over the limit got in", in-n), h.release())
	}
	s.account.suffered("refused over the limit", 3)
	return h.release()
}
