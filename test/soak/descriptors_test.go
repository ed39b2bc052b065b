package soak

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// exhaustDescriptors leaves the proxy hardly more descriptors than it has at rest,
// until it has taken them all, and then its own limit again. Clients wait meanwhile;
// but a name is not looked up without descriptors, and who wanted it is turned away.
func exhaustDescriptors(s *stage, random *rand.Rand) (int, error) {
	const wanting = 30
	most := s.rest.descriptors.sum() + random.IntN(10)
	tight := unix.Rlimit{Cur: uint64(most), Max: s.rest.limit.Max}
	if err := unix.Prlimit(s.proxy.PID(), unix.RLIMIT_NOFILE, &tight, nil); err != nil {
		return 0, fmt.Errorf("prlimit: %w", err)
	}
	h := s.newHold()
	h.add(wanting, inPeace, random)
	wrong := errors.Join(
		s.until("all descriptors to be taken", func() bool { return s.takenBelow(most) == most }),
		s.until("a word in the log about descriptors", s.hasComplained), // not each time: it logs only so many
	)
	if err := unix.Prlimit(s.proxy.PID(), unix.RLIMIT_NOFILE, &s.rest.limit, nil); err != nil {
		return 0, fmt.Errorf("prlimit: %w", err)
	}
	if in := h.settle(); in < wanting && !s.target.tcp {
		wrong = errors.Join(wrong, fmt.Errorf("%d of %d connections got in when there were descriptors again", in, wanting))
	}
	return 1, errors.Join(wrong, h.release())
}

// takenBelow counts the proxy's descriptors whose numbers are lower.
func (s *stage) takenBelow(number int) (n int) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.proxy.PID()))
	if err != nil {
		s.fail("the proxy is gone: %v", err)
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd < number {
			n++
		}
	}
	return n
}

func (s *stage) hasComplained() bool {
	return slices.ContainsFunc(s.proxy.Lines(), func(line string) bool { return strings.HasPrefix(line, "out of descriptors") })
}
