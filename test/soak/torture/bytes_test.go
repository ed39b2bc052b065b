package torture

import (
	"bytes"
	"encoding/binary"
	"sync"

	"uring-socket-proxyd/test/lib/harness"
)

// Streams are parts of one long random text, which repeats itself: each begins
// somewhere else in it. So every byte can be checked by its offset alone, and a byte of
// another stream, or of another place, is told at once.

// period is a prime, and more than any stream has.
const period = 16777213

// longestPiece bytes can be had at once, wherever they begin.
const longestPiece = 256 << 10

// text is made once: twice the beginning, so that it need not be joined.
var text = sync.OnceValue(func() []byte {
	once := harness.Random(1, 1, period)
	return append(once, once[:longestPiece]...)
})

// identitySize is how much a client sends first, so that the target knows whose end it
// is.
const identitySize = 8

// identity tells a connection, and that it is one.
func identity(number uint64) (id [identitySize]byte) {
	binary.LittleEndian.PutUint32(id[:], uint32(number))
	binary.LittleEndian.PutUint32(id[4:], check(uint32(number)))
	return id
}

// check is what follows a connection's number.
func check(number uint32) uint32 { return number*2654435761 ^ 0x70726f78 }

// identified reads an identity.
func identified(id []byte) (number uint64, ok bool) {
	n := binary.LittleEndian.Uint32(id)
	return uint64(n), binary.LittleEndian.Uint32(id[4:]) == check(n)
}

// stream is what one end sends.
type stream struct {
	identity [identitySize]byte
	named    bool // begins with the identity: a client's
	shift    int64
}

// newStream is that of an end. The shifts of any two that are alive at the same time
// differ, and so does what they hold.
func newStream(number uint64, who role) stream {
	return stream{identity(number), who == client, int64((2*number + uint64(who)) * 1000003 % period)}
}

// at returns some of the bytes from an offset on: up to n, and one at least.
func (s *stream) at(offset int64, n int) []byte {
	if s.named && offset < identitySize {
		id := s.identity[offset:]
		return id[:min(n, len(id))]
	}
	i := (s.shift + offset) % period
	return text()[i:][:min(n, longestPiece)]
}

// check compares bytes that have arrived. It returns how many are right.
func (s *stream) check(offset int64, got []byte) (right int) {
	for right < len(got) {
		want := s.at(offset+int64(right), len(got)-right)
		if !bytes.Equal(want, got[right:][:len(want)]) {
			for want[0] == got[right] {
				want, right = want[1:], right+1
			}
			return right
		}
		right += len(want)
	}
	return right
}
