package harness

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Seed returns the seed of a test's random data and logs it; $TEST_SEED sets it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TEST_SEED: %v", err)
		}
	}
	t.Logf("TEST_SEED=%d", seed)
	return seed
}

// Random returns n random bytes. Different streams of one seed differ.
func Random(seed, stream uint64, n int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], stream)
	data := make([]byte, n)
	rand.NewChaCha8(key).Read(data)
	return data
}

// patternChunk is a length that no buffer in between has, so that a chunk's
// bytes never line up with one.
const patternChunk = 65521

// Pattern is an endless stream that is cheap to make and to check: chunks of the
// same random bytes, each with its number and the stream's identity in front, so
// that anything lost, doubled, swapped or taken from another stream shows.
type Pattern struct {
	chunk  []byte
	number uint64
	left   []byte // of the chunk, still to come
}

// NewPattern returns a stream from its beginning.
func NewPattern(seed, stream uint64) *Pattern {
	return &Pattern{chunk: Random(seed, stream, patternChunk)}
}

// next returns up to n bytes of the stream, valid until the next call.
func (p *Pattern) next(n int) []byte {
	if len(p.left) == 0 {
		binary.LittleEndian.PutUint64(p.chunk, p.number)
		p.number++
		p.left = p.chunk
	}
	n = min(n, len(p.left))
	piece := p.left[:n]
	p.left = p.left[n:]
	return piece
}

// SendTo writes the next n bytes of the stream. progress, if not nil, is called
// with the length of each piece written.
func (p *Pattern) SendTo(w io.Writer, n int64, progress func(int)) error {
	for n > 0 {
		piece := p.next(int(min(n, patternChunk)))
		written, err := w.Write(piece)
		if progress != nil {
			progress(written)
		}
		if err != nil {
			return err
		}
		n -= int64(written)
	}
	return nil
}

// Check reads to the end of a stream, which must be the next n bytes of the
// pattern.
func (p *Pattern) Check(r io.Reader, n int64) error {
	if err := p.CheckPart(r, n); err != nil {
		return err
	}
	if extra, err := r.Read(make([]byte, 1)); extra != 0 || err != io.EOF {
		return fmt.Errorf("after %d bytes: %d more and %w, want the end", n, extra, err)
	}
	return nil
}

// CheckPart reads n bytes, which must be the next of the pattern.
func (p *Pattern) CheckPart(r io.Reader, n int64) error {
	buffer := make([]byte, 256<<10)
	for total := int64(0); total < n; {
		got, err := r.Read(buffer[:min(n-total, int64(len(buffer)))])
		for rest := buffer[:got]; len(rest) > 0; {
			want := p.next(len(rest))
			if !bytes.Equal(rest[:len(want)], want) {
				return fmt.Errorf("wrong byte at %d", total+int64(firstDifference(rest, want)))
			}
			total += int64(len(want))
			rest = rest[len(want):]
		}
		if err != nil && total < n {
			return fmt.Errorf("after %d of %d bytes: %w", total, n, err)
		}
	}
	return nil
}
