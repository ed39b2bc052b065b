package ring

import (
	"unsafe"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/target"
)

// sockaddrSize is what one connection's sockaddr takes, struct sockaddr_un being
// the largest.
const sockaddrSize = 128

// addressesPerSlab is how many of them are mapped at a time.
const addressesPerSlab = 64

// addressTable holds a sockaddr for each slot, where the kernel may read it until
// the connect completes.
type addressTable struct{ slabs [][]byte }

// put stores an address for a slot and returns where the kernel finds it.
func (t *addressTable) put(slot uint32, a *target.Address) (addr uintptr, length uint32, err error) {
	for int(slot)/addressesPerSlab >= len(t.slabs) {
		slab, err := bufpool.Map(addressesPerSlab * sockaddrSize)
		if err != nil {
			return 0, 0, err
		}
		t.slabs = append(t.slabs, slab)
	}
	place := t.slabs[slot/addressesPerSlab][slot%addressesPerSlab*sockaddrSize:][:sockaddrSize]
	return uintptr(unsafe.Pointer(&place[0])), uint32(copy(place, a.Sockaddr())), nil
}

func (t *addressTable) close() {
	for _, slab := range t.slabs {
		bufpool.Unmap(slab)
	}
}
