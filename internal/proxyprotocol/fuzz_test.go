package proxyprotocol

import (
	"bytes"
	"net"
	"testing"
)

// FuzzParse looks for bytes that take Length or Parse out of bounds, whose length
// depends on how they are cut, or whose addresses change when they are passed on.
func FuzzParse(f *testing.F) {
	for _, a := range []Addresses{tcp4, tcp6, mapped, mixed4, mixed6, unnamed, names, other, {}} {
		f.Add(Format(V1, a, nil))
		f.Add(Format(V2, a, nil))
	}
	f.Add(Format(V2, mixed4, []byte("\x02\x00\x04host\x03\x00\x04sum.\x04\x00\x00")))
	f.Add(Format(V2, other, []byte("\xea\x00\x00")))
	f.Add([]byte("PROXY TCP6 2001:db8::1 192.0.2.1 51512 22\r\n"))
	f.Add([]byte("PROXY TCP4 here there 1 2\r\nGET /"))
	f.Add([]byte(signatureV2 + "\x21\x12\x00\x10123412341212\x02\x00\x01x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		length, err := Length(data)
		if err != nil || length == 0 {
			if err == nil && len(data) >= LongestV1 && data[0] == 'P' {
				t.Fatalf("%d bytes are not enough to tell", len(data))
			}
			return
		}
		if length > Longest || data[0] == 'P' && length > LongestV1 {
			t.Fatalf("a header of %d bytes", length)
		}
		if length > len(data) {
			return // not complete
		}
		for n := range length {
			if short, err := Length(data[:n]); err != nil || short != 0 && short != length {
				t.Fatalf("of %d bytes the length is %d, %v, not %d", n, short, err, length)
			}
		}
		told, extensions, err := Parse(data[:length])
		if err != nil {
			return
		}
		header := Format(V2, told, extensions)
		again, more, err := Parse(header)
		if err != nil || !same(again, told) || told.Source != nil && !bytes.Equal(more, extensions) {
			t.Fatalf("%v with %q is passed on as %v with %q, %v", told, extensions, again, more, err)
		}
		if length, err := Length(header); err != nil || length != len(header) {
			t.Fatalf("the length of what is passed on is %d, %v, not %d", length, err, len(header))
		}
		if again, _, err := Parse(Format(V1, told, extensions)); err != nil || again.Source != nil && !sameIP(again, told) {
			t.Fatalf("%v is passed on as %v, %v", told, again, err)
		}
	})
}

// sameIP is same of addresses that v1 has a form for.
func sameIP(a, b Addresses) bool {
	_, isTCP := b.Source.(*net.TCPAddr)
	return isTCP && same(a, b)
}
