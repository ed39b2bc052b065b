package ring

import "uring-socket-proxyd/bufpool"

// What buffers there are. Few large incremental ones serve short messages and
// streams from one pool; without them (before 6.17) each receive spends a buffer,
// so there must be many.
const (
	incrementalSize = 1 << 20
	classicSize     = 64 << 10
	// Of a small pool they are smaller, so that there are still as many: a slow
	// peer pins one.
	leastIncremental = 32
	leastClassic     = 16
	// Of a large pool they are larger: more than that a ring cannot number.
	mostBuffers = 4096
)

// pageSize is what buffers are a multiple of, so that each begins on a page: the
// kernel's, or a part of it.
const pageSize = 4096

// poolShape divides a pool of size bytes. The number of buffers must be a power of
// two; their size makes up for it, so that what is lost is less than a page for
// each.
func poolShape(size int, incremental bool) bufpool.Config {
	usual, least := classicSize, leastClassic
	if incremental {
		usual, least = incrementalSize, leastIncremental
	}
	count := least
	for count < mostBuffers && 2*count*usual <= size {
		count *= 2
	}
	return bufpool.Config{Count: count, Size: size / count &^ (pageSize - 1), Incremental: incremental}
}
