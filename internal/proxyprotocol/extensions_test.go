package proxyprotocol

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

// TestExtensions passes headers with extensions on, and has the library read what comes
// of them.
func TestExtensions(t *testing.T) {
	const host, endpoint = "\x02\x00\x0bexample.org", "\xea\x00\x05\x01vpce"
	const sum, padding = "\x03\x00\x04\x01\x02\x03\x04", "\x04\x00\x02\x00\x00"
	large := "\x20\x0f\x00" + strings.Repeat("c", 0xf00)
	for name, c := range map[string]struct {
		from       Addresses
		extensions string
		kept       string
	}{
		"IPv4":              {tcp4, host + endpoint, host + endpoint},
		"IPv6":              {tcp6, endpoint, endpoint},
		"UNIX":              {names, host, host},
		"mixed":             {mixed4, host, host},
		"another family":    {other, endpoint + host, endpoint + host},
		"none":              {tcp4, "", ""},
		"of no length":      {tcp4, "\xe0\x00\x00", "\xe0\x00\x00"},
		"large":             {tcp6, large, large},
		"about its header":  {tcp4, sum + host + padding + endpoint, host + endpoint},
		"only about itself": {tcp4, padding + sum, ""},
	} {
		header := Format(V2, c.from, []byte(c.extensions))
		if length, err := Length(header); err != nil || length != len(header) {
			t.Errorf("%s: the length is %d, %v, not %d", name, length, err, len(header))
		}
		told, extensions, err := Parse(header)
		if err != nil || string(extensions) != c.kept {
			t.Errorf("%s: %q, %v; want %q", name, extensions, err, c.kept)
			continue
		}
		if told.Source == nil {
			continue // nor does the library read extensions of nobody
		}
		passed, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(Format(V2, told, extensions))))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tlvs, err := passed.TLVs()
		if joined, joinErr := proxyproto.JoinTLVs(tlvs); err != nil || joinErr != nil || string(joined) != c.kept {
			t.Errorf("%s: passed on as %q, %v, %v; want %q", name, joined, err, joinErr, c.kept)
		}
	}
}

// TestNoExtensions has headers that have none to pass on, and those that cannot.
func TestNoExtensions(t *testing.T) {
	const host = "\x02\x00\x04host"
	for name, data := range map[string]string{
		"LOCAL":             signatureV2 + "\x20\x00\x00\x07" + host,
		"AF_UNSPEC, others": signatureV2 + "\x21\x00\x00\x0c123412341212",
		"v1":                string(Format(V1, tcp4, []byte(host))),
		"v2 of nobody":      string(Format(V2, Addresses{Destination: tcp4.Destination}, []byte(host))),
	} {
		if told, extensions, err := Parse([]byte(data)); err != nil || len(extensions) > 0 {
			t.Errorf("%s: %v with %q, %v", name, told, extensions, err)
		}
	}
}
