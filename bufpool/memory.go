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

// spare is what Map leaves: see Spare.
var spare int

// Spare has Map fail where less than size bytes could be mapped after it: whoever else is
// in need of memory, as the Go runtime, may not be able to do without. To be called before
// all others.
func Spare(size int) { spare = size }

// Map returns size bytes of zeroed private memory outside the Go heap, page
// aligned, its pages made on first touch. The caller gives it back with Unmap.
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

// unmap is Unmap that reports false, and leaves the memory as it is, where the process
// has too many mappings to give back one that lies in the middle of another: see Blocks.
func unmap(mem []byte) bool {
	switch err := unix.Munmap(mem); err {
	case nil:
		return true
	case unix.ENOMEM:
		return false
	default: // not from Map, or twice
		panic(fmt.Sprintf("bufpool: unmapping %d bytes: %v", len(mem), err))
	}
}
