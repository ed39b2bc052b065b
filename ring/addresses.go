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
// the connect completes. The last byte of each place is the sockaddr's length.
type addressTable struct{ slabs [][]byte }

// put stores an address for a slot.
func (t *addressTable) put(slot uint32, a *target.Address) error {
	for int(slot)/addressesPerSlab >= len(t.slabs) {
		slab, err := bufpool.Map(addressesPerSlab * sockaddrSize)
		if err != nil {
			return err
		}
		t.slabs = append(t.slabs, slab)
	}
	place := t.place(slot)
	place[sockaddrSize-1] = byte(copy(place, a.Sockaddr()))
	return nil
}

// at is where the kernel finds a slot's address.
func (t *addressTable) at(slot uint32) (addr uintptr, length uint32) {
	place := t.place(slot)
	return uintptr(unsafe.Pointer(&place[0])), uint32(place[sockaddrSize-1])
}

func (t *addressTable) place(slot uint32) []byte {
	return t.slabs[slot/addressesPerSlab][slot%addressesPerSlab*sockaddrSize:][:sockaddrSize]
}

func (t *addressTable) close() {
	for _, slab := range t.slabs {
		bufpool.Unmap(slab)
	}
}
