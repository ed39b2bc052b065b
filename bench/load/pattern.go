package load

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

const (
	// period is how many bytes the pattern has before it repeats. It is a prime just
	// above 64 KiB: no power of two, as buffer sizes are, is a multiple of it.
	period = 65537
	// longest is how many bytes a write takes from the pattern at most.
	longest = 64 << 10
	// stride is the distance between the first bytes of consecutive connections.
	stride = 7919
)

// pattern is the endless payload, the same in all processes with one seed.
type pattern struct{ block []byte }

func newPattern(seed uint64) pattern {
	p := pattern{make([]byte, period+longest)}
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24),
		byte(seed >> 32), byte(seed >> 40), byte(seed >> 48), byte(seed >> 56)})
	_, _ = random.Read(p.block[:period]) // never fails
	copy(p.block[period:], p.block)
	return p
}

// Payload is the first n <= 64 KiB bytes of a seed's pattern.
func Payload(seed uint64, n int) []byte { return newPattern(seed).at(0, n) }

// at returns the n <= longest bytes from position on.
func (p pattern) at(position uint64, n int) []byte {
	offset := position % period
	return p.block[offset : offset+uint64(n)]
}

// check compares received bytes with those from position on.
func (p pattern) check(position uint64, received []byte) error {
	for len(received) > 0 {
		n := min(len(received), longest)
		if expected := p.at(position, n); !bytes.Equal(received[:n], expected) {
			return fmt.Errorf("wrong bytes at position %d of a connection", position+uint64(mismatch(received[:n], expected)))
		}
		received, position = received[n:], position+uint64(n)
	}
	return nil
}

// mismatch is the index of the first difference.
func mismatch(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}
