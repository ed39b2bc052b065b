// Package bufpool holds the memory that the kernel reads from and writes to,
// all of it mapped outside the Go heap: the provided-buffer ring that receives
// pick from, parked copies of what a slow peer has not taken, and plain
// mappings for addresses and timespecs.
//
// Invariants:
//   - Every buffer is in one place: with the kernel, or held by Pieces, which
//     are counted. It goes back to the kernel when the kernel has let go of it
//     and the last Piece is released, and only then.
//   - One worker owns a Pool; nothing here locks.
package bufpool

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// spare is how much Map leaves free: see Spare.
var spare int

// Spare makes Map fail if fewer than size bytes could be mapped afterwards: they are left
// for others that cannot do without memory, such as the Go runtime. It must be called
// before anything else in this package.
func Spare(size int) { spare = size }

// Map returns size bytes of zeroed private memory outside the Go heap, page
// aligned; pages are allocated on first touch. The caller gives it back with Unmap.
func Map(size int) ([]byte, error) {
	mem, err := mmap(size)
	if err == nil && spare > 0 {
		var rest []byte
		if rest, err = mmap(spare); err == nil {
			Unmap(rest)
		} else {
			Unmap(mem)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes: %w", size, err)
	}
	return mem, nil
}

func mmap(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
}

// Unmap gives back memory from Map. No operation may still refer to it.
func Unmap(mem []byte) {
	if !unmap(mem) {
		_ = unix.Madvise(mem, unix.MADV_DONTNEED) // at least its pages
	}
}

// unmap is Unmap, but it reports false and leaves the memory as it is if the process has
// too many mappings to unmap a piece in the middle of another one: see Blocks.
func unmap(mem []byte) bool {
	switch err := unix.Munmap(mem); err {
	case nil:
		return true
	case unix.ENOMEM:
		return false
	default: // the memory is not from Map, or was unmapped twice
		panic(fmt.Sprintf("bufpool: unmapping %d bytes: %v", len(mem), err))
	}
}
