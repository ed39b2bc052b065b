package ring

import (
	"unsafe"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/target"
)

// slabSize is how many connections are allocated at a time.
const slabSize = 64

// allocate returns a free slot. Slots are reused last in, first out, so that a
// worker touches as few of them as it has connections.
func (w *worker) allocate() *connection {
	if len(w.unused) == 0 {
		w.grow()
	}
	last := len(w.unused) - 1
	c := w.unused[last]
	w.unused = w.unused[:last]
	return c
}

func (w *worker) grow() {
	slab := make([]connection, slabSize)
	first := len(w.connections)
	for i := range slab {
		slab[i].slot = uint32(first + i)
		w.connections = append(w.connections, &slab[i])
	}
	for i := range slab {
		w.unused = append(w.unused, &slab[slabSize-1-i])
	}
}

// free gives a closed connection's slot back.
func (w *worker) free(c *connection) {
	c.state = stateFree
	c.addresses, c.attempts = nil, nil
	w.unused = append(w.unused, c)
	w.live--
	w.policy.Gate.Release()
}

// sockaddrSize is what one connection's sockaddr takes, struct sockaddr_un
// being the largest.
const sockaddrSize = 128

// addressTable holds a sockaddr for each slot, where the kernel may read it
// until the connect completes.
type addressTable struct{ slabs [][]byte }

// put stores an address for a slot and returns where the kernel finds it.
func (t *addressTable) put(slot uint32, a *target.Address) (addr uintptr, length uint32, err error) {
	for int(slot)/slabSize >= len(t.slabs) {
		slab, err := bufpool.Map(slabSize * sockaddrSize)
		if err != nil {
			return 0, 0, err
		}
		t.slabs = append(t.slabs, slab)
	}
	place := t.slabs[slot/slabSize][slot%slabSize*sockaddrSize:][:sockaddrSize]
	return uintptr(unsafe.Pointer(&place[0])), uint32(copy(place, a.Sockaddr())), nil
}

func (t *addressTable) close() {
	for _, slab := range t.slabs {
		bufpool.Unmap(slab)
	}
}
