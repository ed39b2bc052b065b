package soak

import (
	"fmt"
	"math/rand/v2"

	"uring-socket-proxyd/test/lib/harness"
)

// setting is how a proxy is started.
type setting struct{ workers, buffer, pool, limit int }

func newSetting(random *rand.Rand) setting {
	pick := func(values ...int) int { return values[random.IntN(len(values))] }
	return setting{
		workers: pick(1, 2, 3, 4),
		buffer:  pick(64<<10, 256<<10, 1<<20),
		pool:    pick(1<<20, 2<<20, 8<<20),
		limit:   pick(80, 100, 128),
	}
}

func (s setting) args() []string {
	return []string{
		fmt.Sprintf("--workers=%d", s.workers), fmt.Sprintf("--connections-max=%d", s.limit),
		fmt.Sprintf("--buffer-size=%d", s.buffer), fmt.Sprintf("--pool-size=%d", s.pool),
	}
}

func (s setting) String() string {
	return fmt.Sprintf("%d workers, at most %d connections, buffers of %s, a pool of %s", s.workers, s.limit, size(int64(s.buffer)), size(int64(s.pool)))
}

// ceiling is what docs/memory.md allows a program to map for data.
func (s setting) ceiling(p *harness.Program) int64 {
	halves := int64(2 * s.limit)
	if p == harness.Epoll {
		return s.kept(p) + halves*int64(min(s.buffer, block))
	}
	return s.kept(p) + halves*int64(s.buffer+2*block)
}

// kept is how much of that the workers keep for reuse: pools and spare blocks.
func (s setting) kept(p *harness.Program) int64 {
	if p == harness.Epoll {
		return int64(65 * s.workers * min(s.buffer, block))
	}
	return int64(s.workers * (s.pool + block))
}

const block = 64 << 10

// keptPipes is how many descriptors may stay open after streams have ended: the
// pipes that each worker keeps for the next ones.
func (s setting) keptPipes() int { return s.workers * 8 * 2 }
