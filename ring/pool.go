package ring

import "uring-socket-proxyd/bufpool"

// What buffers there are. Each receive spends one, so there must be many.
const (
	usualBuffer = 64 << 10
	// Of a small pool they are smaller, so that there are still as many: a slow
	// peer pins one.
	leastBuffers = 16
	// Of a large pool they are larger: more than that a ring cannot number.
	mostBuffers = 4096
)

// pageSize is what buffers are a multiple of, so that each begins on a page: the
// kernel's, or a part of it.
const pageSize = 4096

// poolShape divides a pool of size bytes. The number of buffers must be a power of
// two; their size makes up for it, so that what is lost is less than a page for
// each.
func poolShape(size int) bufpool.Config {
	count := leastBuffers
	for count < mostBuffers && 2*count*usualBuffer <= size {
		count *= 2
	}
	return bufpool.Config{Count: count, Size: size / count &^ (pageSize - 1)}
}
