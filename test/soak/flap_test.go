package soak

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// flap takes the target away, or one of its addresses, and brings it back.
func flap(s *stage, random *rand.Rand) (int, error) {
	places := s.target.places
	down := random.Perm(len(places))[:1+random.IntN(len(places))]
	for _, i := range down {
		places[i].close()
		if places[i].network == "unix" && random.IntN(2) == 0 {
			os.Remove(places[i].text)
		}
	}
	var wrong error
	for range 1 + random.IntN(10) {
		if err := s.probe(len(down) < len(places), random); err != nil {
			wrong = err
			break
		}
		s.pause(time.Duration(random.Int64N(int64(50 * time.Millisecond))))
	}
	for _, i := range down {
		wrong = errors.Join(wrong, s.target.listen(places[i]))
	}
	return 1, wrong
}

// probe makes a connection that must get through, or must be closed.
func (s *stage) probe(through bool, random *rand.Rand) error {
	c := s.newCall(&kind{name: "probe", plan: messages}, s.listeners[random.IntN(len(s.listeners))], random)
	err := c.run()
	if through || err != nil && !errors.Is(err, errTurnedAway) {
		return err
	}
	if err == nil {
		return fmt.Errorf("%v: got through to a target that is down", c)
	}
	return nil
}

// stall keeps the target from accepting, while its kernel still does.
func stall(s *stage, random *rand.Rand) (int, error) {
	for _, p := range s.target.places {
		p.gate.Lock()
	}
	h := s.newHold()
	h.add(10, inPeace, random)
	s.pause(time.Duration(random.Int64N(int64(2 * time.Second))))
	for _, p := range s.target.places {
		p.gate.Unlock()
	}
	if in := h.settle(); in < 10 {
		return 1, errors.Join(fmt.Errorf("%d of 10 connections got in after it", in), h.release())
	}
	return 1, h.release()
}
